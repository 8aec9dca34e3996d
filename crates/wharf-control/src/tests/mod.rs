//! Use cases and reconcilers together, over real SQLite.

mod how_to;
