//! What has to be known of some of nu's commands, beside how they handle their input.

/// Commands that decide or order by what a closure gives, and take all but `true` for `false`.
pub(crate) const DECIDING: &[&str] = &[
    "all",
    "any",
    "chunk-by",
    "filter",
    "find",
    "group-by",
    "skip until",
    "skip while",
    "sort-by",
    "split list",
    "take until",
    "take while",
    "uniq-by",
    "where",
];

/// Flags that make a command look at values which it otherwise only passes on.
pub(crate) const LOOKING: &[(&str, &str)] =
    &[("compact", "empty"), ("default", "empty"), ("transpose", "header-row")];

/// Commands that go over a range item by item, however long it is, and can be stopped meanwhile.
pub(crate) const STEPWISE: &[&str] = &[
    "all",
    "any",
    "default",
    "do",
    "each",
    "enumerate",
    "filter",
    "first",
    "ignore",
    "is-empty",
    "is-not-empty",
    "reduce",
    "skip until",
    "skip while",
    "take",
    "take until",
    "take while",
    "where",
    "zip",
];

/// Whether an argument is a value that ends up in the result; others name fields and places. `fold` says that it
/// stands behind that flag.
pub(crate) fn hands_on(command: &str, at: usize, fold: bool) -> bool {
    match command {
        "append" | "default" | "do" | "interleave" | "merge" | "merge deep" | "prepend" | "zip" => true,
        "insert" | "update" | "upsert" => at > 0,
        "reduce" => fold,
        _ => false,
    }
}
