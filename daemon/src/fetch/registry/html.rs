//! The links of a plain HTML page, as the older form of Python's simple API and directory listings have them.

/// An `<a>` element.
pub(crate) struct Link {
    /// Its `href`, unescaped.
    pub(crate) href: String,
    /// Its text, unescaped, without tags.
    pub(crate) text: String,
    /// Whether it has `data-yanked`.
    pub(crate) yanked: bool,
}

/// All links of a page, in order.
pub(crate) fn links(page: &str) -> Vec<Link> {
    let mut links = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        rest = rest.get(at + 1..).unwrap_or_default();
        let Some(inside) =
            rest.strip_prefix(['a', 'A']).filter(|inside| inside.starts_with(char::is_whitespace))
        else {
            continue;
        };
        rest = inside;
        let (attributes, after) = attributes(rest);
        rest = after;
        let end = rest.find("</").unwrap_or(rest.len());
        let text = unescape(rest.get(..end).unwrap_or_default().trim());
        let find = |name: &str| attributes.iter().find(|(key, _)| key == name);
        if let Some((_, href)) = find("href") {
            links.push(Link { href: href.clone(), text, yanked: find("data-yanked").is_some() });
        }
    }
    links
}

/// The attributes of a tag, and what follows its `>`.
fn attributes(text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=>/".contains(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end.max(rest.chars().next().map_or(0, char::len_utf8)));
        rest = after.trim_start();
        let mut value = "";
        if let Some(after) = rest.strip_prefix('=') {
            let after = after.trim_start();
            let quote = after.chars().next().filter(|c| *c == '"' || *c == '\'');
            (value, rest) = match quote {
                Some(quote) => {
                    let inner = after.get(1..).unwrap_or_default();
                    inner.split_once(quote).unwrap_or((inner, ""))
                }
                None => {
                    after.split_at(after.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(after.len()))
                }
            };
        }
        found.push((name.to_ascii_lowercase(), unescape(value)));
    }
}

/// The character references that such pages have.
fn unescape(text: &str) -> String {
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    plain.replace("&#39;", "'").replace("&#x27;", "'").replace("&#43;", "+").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_untidy_pages() {
        let page = "<abbr>no</abbr><A HREF=plain.tgz>plain.tgz</A><a class=x href = 'b?a=1&amp;b=2' > b </a><a name=n>";
        let found: Vec<_> = links(page).into_iter().map(|link| (link.href, link.text)).collect();
        assert_eq!(
            found,
            [("plain.tgz".into(), "plain.tgz".into()), ("b?a=1&b=2".to_string(), "b".to_string())]
        );
    }

    #[test]
    fn nothing_makes_it_hang_or_panic() {
        for page in ["<a ", "<a =", "<a href", "<a href='", "<a é=\"", "<a / >", "<a ===>x", "<a \"'>"] {
            links(page);
        }
    }
}
