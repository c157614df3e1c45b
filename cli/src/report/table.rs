//! Tables on the terminal: columns as wide as their widest cell, two spaces between, no lines.

use crate::report::{
    escape::escape,
    style::{Role, Style},
};
use unicode_width::UnicodeWidthStr;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its heading.
    pub heading: &'static str,
    /// Whether its cells stand at the right, as numbers do.
    pub right: bool,
}

/// A column of text.
pub const fn text(heading: &'static str) -> Column {
    Column { heading, right: false }
}

/// A column of numbers.
pub const fn number(heading: &'static str) -> Column {
    Column { heading, right: true }
}

/// Rows of cells.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<(String, Option<Role>)>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: impl Into<Vec<Column>>) -> Self {
        Self { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row. Cells may hold untrusted text.
    pub fn row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.styled_row(cells.into_iter().map(|cell| (cell, None)));
    }

    /// Adds a row whose cells have roles. Cells may hold untrusted text.
    pub fn styled_row<T: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = (T, Option<Role>)>) {
        self.rows
            .push(cells.into_iter().map(|(cell, role)| (escape(cell.as_ref()).into_owned(), role)).collect());
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table as text, with its headings.
    pub fn show(&self, style: Style) -> String {
        let headings: Vec<_> =
            self.columns.iter().map(|column| (column.heading.to_owned(), Some(Role::Faint))).collect();
        let all = || std::iter::once(&headings).chain(&self.rows);
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| all().filter_map(|row| row.get(at)).map(|(cell, _)| cell.width()).max().unwrap_or(0))
            .collect();
        let mut shown = String::new();
        for row in all() {
            let mut gap = 0;
            for ((cell, role), (column, width)) in row.iter().zip(self.columns.iter().zip(&widths)) {
                let padding = width.saturating_sub(cell.width());
                let (before, after) = if column.right { (padding, 0) } else { (0, padding) };
                if !cell.is_empty() {
                    shown.extend(std::iter::repeat_n(' ', gap + before));
                    match role {
                        Some(role) => shown.push_str(&style.show(*role, cell).to_string()),
                        None => shown.push_str(cell),
                    }
                    gap = 0;
                } else {
                    gap += before;
                }
                gap += after + 2;
            }
            shown.push('\n');
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let mut table = Table::new([text("PACKAGE"), number("SIZE"), text("NOTE"), text("CID")]);
        table.row(["lua", "1.2 MiB", "", "abc"]);
        table.row(["ライブラリ", "9 B", "evil\u{1b}[2J", ""]);
        insta::assert_snapshot!(table.show(Style { colour: false }), @r"
        PACKAGE        SIZE  NOTE           CID
        lua         1.2 MiB                 abc
        ライブラリ      9 B  evil\u{1b}[2J
        ");
        assert!(table.show(Style { colour: false }).lines().all(|line| !line.ends_with(' ')));
    }
}
