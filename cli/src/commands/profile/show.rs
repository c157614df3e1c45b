//! Changes of profiles as people read them.

use crate::{
    daemon::{PackageChange, Record},
    report::escape::escape,
};

/// `+ lua 5.4.7`, `- lua 5.4.7`, `lua 5.4.6 -> 5.4.7`.
pub fn change(change: &PackageChange) -> String {
    let name = escape(&change.name);
    match (&change.from, &change.to) {
        (Some(from), Some(to)) if from == to => format!("~ {name} {}, made anew", escape(to)),
        (Some(from), Some(to)) => format!("~ {name} {} -> {}", escape(from), escape(to)),
        (Some(from), None) => format!("- {name} {}", escape(from)),
        (None, Some(to)) => format!("+ {name} {}", escape(to)),
        (None, None) => String::new(),
    }
}

/// All that a generation changed, one line each.
pub fn changes(record: &Record) -> Vec<String> {
    let settings = record.settings.iter().map(|line| escape(line).into_owned());
    record.packages.iter().map(change).chain(settings).collect()
}
