//! What is printed.

use std::{fmt, io::Write as _, time::Duration};

/// Rows of what, how much, and what was wanted.
#[derive(Default)]
pub(super) struct Table(Vec<[String; 3]>);

impl Table {
    pub(super) fn row(&mut self, what: impl Into<String>, value: String, wanted: &str) {
        self.0.push([what.into(), value, wanted.to_owned()]);
    }

    pub(super) fn print(&self) {
        let width = |column: usize| {
            let widths = self.0.iter().map(|row| row[column].chars().count());
            widths.max().unwrap_or_default()
        };
        let (first, second) = (width(0), width(1));
        let mut out = std::io::stdout().lock();
        for [what, value, wanted] in &self.0 {
            let line = format!("{what:first$}  {value:second$}  {wanted}");
            // A reader that has gone away misses a table.
            let _ = writeln!(out, "{}", line.trim_end());
        }
    }
}

/// How long the rounds of a flow took.
pub(super) struct Times(Vec<Duration>);

impl Times {
    pub(super) fn new(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn seconds(&self, index: usize) -> f64 {
        self.0.get(index).map_or(f64::NAN, Duration::as_secs_f64)
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.len().saturating_sub(1);
        write!(
            f,
            "median {:.3} s, slowest {:.3} s of {}",
            self.seconds(self.0.len() / 2),
            self.seconds(last),
            self.0.len()
        )
    }
}
