//! The CIDs that this version of nuka expects of its recipes, so that anybody can see that their machine made
//! the same bits as ours.
//!
//! The file is a NUON record in canonical form but for its line breaks: `{"lua@5.4.8": "<cid>", ...}`.

use nuka_pir::{Cid, canonical::CanonicalError};
use std::collections::BTreeMap;

/// The published file's name among the recipes.
pub const FILE: &str = "published.nuon";

/// Published CIDs by `name@version`.
pub type Published = BTreeMap<String, Cid>;

/// Reads the file's text.
pub fn parse(text: &str) -> Result<Published, CanonicalError> {
    let joined: String = text.lines().map(str::trim_start).collect::<Vec<_>>().join("");
    // The one difference from canonical text: a line break where canonical text has a space.
    let joined = joined.replace(",\"", ", \"");
    nuka_pir::canonical::from_text(&joined)
}

/// The file's text.
pub fn to_text(published: &Published) -> Result<String, CanonicalError> {
    let line = nuka_pir::canonical::to_text(published)?;
    let inner = line.trim_start_matches('{').trim_end_matches('}').replace(", \"", ",\n  \"");
    Ok(if inner.is_empty() { "{}\n".to_owned() } else { format!("{{\n  {inner}\n}}\n") })
}

/// The key of a package.
pub fn key(name: &str, version: &str) -> String {
    format!("{name}@{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_round_trips() {
        let published = Published::from([
            (key("lua", "5.4.8"), Cid::from_bytes([1; 32])),
            (key("b", "1"), Cid::from_bytes([2; 32])),
        ]);
        let text = to_text(&published).unwrap();
        assert_eq!(text.lines().count(), 4);
        assert_eq!(parse(&text).unwrap(), published);
        assert_eq!(parse(&to_text(&Published::new()).unwrap()).unwrap(), Published::new());
    }
}
