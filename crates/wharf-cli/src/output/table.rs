//! Rows under headings, as `az` prints them.

use std::fmt;

/// Between two columns.
const GAP: &str = "  ";

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    headings: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(headings: &'static [&'static str]) -> Self {
        Self {
            headings,
            rows: Vec::new(),
        }
    }

    /// Adds a row with one cell per heading. Line ends become spaces: what a
    /// server says must not look like another row.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cell = |cell: String| cell.replace(|c: char| c.is_control(), " ");
        self.rows.push(cells.into_iter().map(cell).collect());
    }
}

impl fmt::Display for Table {
    /// Nothing at all when there are no rows, as `az` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let longest = cells.map(|cell| cell.chars().count()).max();
            longest.unwrap_or(0).max(self.headings[column].len())
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let line = |f: &mut fmt::Formatter<'_>, cells: &mut dyn Iterator<Item = &str>| {
            let padded: Vec<String> = cells
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            writeln!(f, "{}", padded.join(GAP).trim_end())
        };
        line(f, &mut self.headings.iter().copied())?;
        let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        line(f, &mut rules.iter().map(String::as_str))?;
        for row in &self.rows {
            line(f, &mut row.iter().map(String::as_str))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new(&["Name", "Location"]);
        assert_eq!(table.to_string(), "");
        table.row(["local".to_owned(), "here\nfaked  row".to_owned()]);
        table.row(["é".to_owned(), String::new()]);
        assert_eq!(
            table.to_string(),
            "Name   Location\n-----  ---------------\nlocal  here faked  row\né\n"
        );
    }
}
