//! Figures as a table that people can read and paste.

use std::io::{self, Write};

/// One line: what was measured, what came out, what was hoped for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) measure: String,
    pub(super) figure: String,
    pub(super) goal: &'static str,
}

impl Row {
    pub(super) fn new(measure: impl Into<String>, figure: String, goal: &'static str) -> Self {
        Self {
            measure: measure.into(),
            figure,
            goal,
        }
    }
}

/// Writes the rows with aligned columns.
pub(super) fn print(out: &mut dyn Write, rows: &[Row]) -> io::Result<()> {
    let head = Row::new("measure", "figure".to_owned(), "goal");
    let width = |of: fn(&Row) -> usize| rows.iter().chain([&head]).map(of).max().unwrap_or(0);
    let first = width(|row| row.measure.chars().count());
    let second = width(|row| row.figure.chars().count());
    for row in [&head].into_iter().chain(rows) {
        writeln!(
            out,
            "{:first$}  {:>second$}  {}",
            row.measure, row.figure, row.goal
        )?;
    }
    Ok(())
}

/// The middle of some figures; of an even number the mean of the two in the middle.
pub(super) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let half = figures.len() / 2;
    match figures.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(figures[half - 1], figures[half]),
        _ => figures[half],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let mut out = Vec::new();
        let rows = [Row::new("ARM GET", "12,000/s".to_owned(), "10,000/s")];
        print(&mut out, &rows).expect("written");
        let text = String::from_utf8(out).expect("text");
        assert_eq!(
            text,
            "measure    figure  goal\nARM GET  12,000/s  10,000/s\n"
        );
    }

    #[test]
    fn the_middle_of_figures() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < f64::EPSILON);
        assert!(median(Vec::new()).is_nan());
    }
}
