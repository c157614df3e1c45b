//! INI files as Python's `configparser` reads them, which is what pip does: `[section]`, `key = value` or `key: value`,
//! values that go on over indented lines, comments after `#` or `;`.

/// The settings of a file: section, key (in lower case, `_` as `-`) and value, in order.
pub(crate) fn parse(text: &str) -> Result<Vec<(String, String, String)>, String> {
    let mut settings: Vec<(String, String, String)> = Vec::new();
    let mut section = String::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() {
            continue;
        }
        if content.starts_with(['#', ';']) {
            continue;
        }
        if line.starts_with([' ', '\t']) && open {
            if let Some((.., value)) = settings.last_mut() {
                if !value.is_empty() {
                    value.push('\n');
                }
                value.push_str(content);
            }
            continue;
        }
        if let Some(name) = content.strip_prefix('[') {
            let name =
                name.strip_suffix(']').ok_or_else(|| format!("line {}: `[` without `]`", number + 1))?;
            section = name.trim().to_owned();
            open = false;
            continue;
        }
        let Some((key, value)) = content.split_once(['=', ':']) else {
            return Err(format!("line {}: neither `key = value` nor `[section]`", number + 1));
        };
        settings.push((
            section.clone(),
            key.trim().to_ascii_lowercase().replace('_', "-"),
            value.trim().to_owned(),
        ));
        open = true;
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_pip_reads() {
        let text = "# c\n[global]\nIndex_URL = https://a.test/simple\nextra-index-url:\n  https://b.test\n  https://c.test\n; d\n[install]\nno-index=1\n";
        let settings = parse(text).unwrap();
        let flat: Vec<_> = settings.iter().map(|(s, k, v)| format!("{s}.{k}={v:?}")).collect();
        insta::assert_snapshot!(flat.join("\n"), @r#"
        global.index-url="https://a.test/simple"
        global.extra-index-url="https://b.test\nhttps://c.test"
        install.no-index="1"
        "#);
    }

    #[test]
    fn says_which_line_is_wrong() {
        assert_eq!(parse("[a]\nnonsense").unwrap_err(), "line 2: neither `key = value` nor `[section]`");
        assert!(parse("[a").is_err());
    }
}
