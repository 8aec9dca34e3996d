//! Use cases and reconcilers together, over real SQLite.

mod faults;
mod how_to;
mod story;
