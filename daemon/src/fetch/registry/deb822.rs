//! Debian's control files: stanzas of `Field: value`, continued on indented lines, parted by empty ones.

use std::io::{self, BufRead};

/// One stanza: fields in lower case, continuation lines joined by `\n`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Stanza(Vec<(String, String)>);

impl Stanza {
    /// A field's value; empty where there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value.as_str())
    }

    /// The lines of a list such as `Checksums-Sha256`, each as its words.
    pub(crate) fn rows(&self, name: &str) -> impl Iterator<Item = Vec<&str>> {
        self.get(name)
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .filter(|words| !words.is_empty())
    }
}

/// Calls `each` with every stanza whose `Package` (or, with an empty name, any) is `package`. Stops when it says so.
pub(crate) fn stanzas(
    reader: impl BufRead,
    package: &str,
    mut each: impl FnMut(Stanza) -> bool,
) -> io::Result<()> {
    let mut stanza = Stanza::default();
    let mut wanted = package.is_empty();
    let mut any = false;
    for line in Lines(reader) {
        let line = line?;
        let line = line.trim_end();
        if line.trim_start().is_empty() {
            if wanted && any && !each(std::mem::take(&mut stanza)) {
                return Ok(());
            }
            stanza = Stanza::default();
            wanted = package.is_empty();
            any = false;
            continue;
        }
        if line.starts_with('#') {
            continue;
        }
        // Before the name is known every field is kept; once it is another's, none.
        if line.starts_with([' ', '\t']) {
            if let (true, Some((_, value))) = (wanted || !any, stanza.0.last_mut()) {
                value.push('\n');
                value.push_str(line.trim());
            }
            continue;
        }
        let Some((key, value)) = line.split_once(':') else { continue };
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim());
        if key == "package" || (key == "source" && !any && stanza.0.iter().all(|(key, _)| key != "package")) {
            any = true;
            if !package.is_empty() {
                wanted = value.split_whitespace().next() == Some(package);
            }
        }
        if package.is_empty() {
            any = true;
        }
        if wanted || !any {
            stanza.0.push((key, value.to_owned()));
        }
    }
    if wanted && any {
        each(stanza);
    }
    Ok(())
}

/// Lines that need not be UTF-8.
struct Lines<R>(R);

impl<R: BufRead> Iterator for Lines<R> {
    type Item = io::Result<String>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut bytes = Vec::new();
        match self.0.read_until(b'\n', &mut bytes) {
            Ok(0) => None,
            Ok(_) => Some(Ok(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) => Some(Err(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\nChecksums-Sha256:\n 00 1 b.dsc\n 11 2 b.tar.xz\nHomepage: https://b.test\n\n\nPackage: b\nVersion: 3";

    #[test]
    fn only_the_wanted_stanzas() {
        let mut found = Vec::new();
        stanzas(TEXT.as_bytes(), "b", |stanza| {
            found.push(stanza);
            true
        })
        .unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].get("version"), "2");
        assert_eq!(
            found[0].rows("checksums-sha256").collect::<Vec<_>>(),
            [["00", "1", "b.dsc"], ["11", "2", "b.tar.xz"]]
        );
        assert_eq!((found[0].get("homepage"), found[1].get("homepage")), ("https://b.test", ""));
    }

    #[test]
    fn all_stanzas_and_an_early_end() {
        let mut count = 0;
        stanzas(TEXT.as_bytes(), "", |_| {
            count += 1;
            count < 2
        })
        .unwrap();
        assert_eq!(count, 2);
    }
}
