//! Rows of figures, one column for each size of the store.

use crate::bench::table::Table;

/// What was measured at several sizes.
pub(super) struct Columns {
    heading: String,
    sizes: Vec<String>,
    rows: Vec<(&'static str, Vec<String>)>,
}

impl Columns {
    /// `what` there is of it, and how many at each column.
    pub(super) fn new(what: &str, counts: &[u32]) -> Self {
        Self::of(
            format!("µs of processor at so many {what}"),
            counts.iter().map(ToString::to_string),
        )
    }

    pub(super) fn of(heading: String, sizes: impl Iterator<Item = String>) -> Self {
        Self {
            heading,
            sizes: sizes.collect(),
            rows: Vec::new(),
        }
    }

    /// Adds the next column of a row: microseconds, or MiB with one digit.
    pub(super) fn add(&mut self, what: &'static str, figure: f64) {
        let text = match what.ends_with("MiB") {
            true => format!("{figure:.1}"),
            false => format!("{figure:.0}"),
        };
        match self.rows.iter_mut().find(|(known, _)| *known == what) {
            Some((_, figures)) => figures.push(text),
            None => self.rows.push((what, vec![text])),
        }
    }

    pub(super) fn write(self, table: &mut Table) {
        table.row(self.heading, self.sizes.join(" | "), "");
        for (what, figures) in self.rows {
            table.row(what, figures.join(" | "), "");
        }
        table.row("", String::new(), "");
    }
}
