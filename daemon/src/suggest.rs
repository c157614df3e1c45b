//! "Did you mean": the nearest of the names there are.

/// The name nearest to `wanted`, if one is near enough to be a slip of the fingers.
pub fn nearest(wanted: &str, names: impl IntoIterator<Item = String>) -> Option<String> {
    let near = |name: String| {
        let likeness = strsim::jaro_winkler(wanted, &name);
        (likeness > 0.8).then_some((likeness, name))
    };
    // Of equally near names the first in the alphabet, so that messages do not depend on an order.
    let best =
        names.into_iter().filter_map(near).max_by(|a, b| a.0.total_cmp(&b.0).then_with(|| b.1.cmp(&a.1)));
    best.map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn slips_are_seen_and_strangers_are_not() {
        let names = || ["zlib", "zstd", "sqlite", "lua"].map(str::to_owned);
        assert_eq!(nearest("zlb", names()).as_deref(), Some("zlib"));
        assert_eq!(nearest("sqlit", names()).as_deref(), Some("sqlite"));
        assert_eq!(nearest("firefox", names()), None);
    }
}
