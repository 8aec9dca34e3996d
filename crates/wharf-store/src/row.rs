//! Rust values to columns and back.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row as _, sqlite::SqliteRow};
use uuid::Uuid;
use wharf_core::resource::Generation;

use crate::StoreError;

type Result<T> = std::result::Result<T, StoreError>;

/// Typed columns of a row.
pub(crate) trait Columns {
    fn uuid(&self, column: &str) -> Result<Uuid>;
    fn text(&self, column: &str) -> Result<String>;
    fn bytes(&self, column: &str) -> Result<Vec<u8>>;
    fn number(&self, column: &str) -> Result<u64>;
    fn time(&self, column: &str) -> Result<Timestamp>;
    fn generation(&self, column: &str) -> Result<Generation> {
        self.number(column).map(Generation)
    }
    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T>;
    fn parsed<T>(&self, column: &str) -> Result<T>
    where
        T: std::str::FromStr,
        T::Err: std::fmt::Display,
    {
        let text = self.text(column)?;
        text.parse().map_err(|error| unreadable(column, error))
    }
}

fn unreadable(column: &str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Unreadable(format!("{column}: {error}"))
}

pub(crate) fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds).map_err(|error| unreadable("time", error))
}

impl Columns for SqliteRow {
    fn uuid(&self, column: &str) -> Result<Uuid> {
        let bytes: &[u8] = self.try_get(column)?;
        Uuid::from_slice(bytes).map_err(|error| unreadable(column, error))
    }

    fn text(&self, column: &str) -> Result<String> {
        Ok(self.try_get(column)?)
    }

    fn bytes(&self, column: &str) -> Result<Vec<u8>> {
        Ok(self.try_get(column)?)
    }

    fn number(&self, column: &str) -> Result<u64> {
        let number: i64 = self.try_get(column)?;
        u64::try_from(number).map_err(|error| unreadable(column, error))
    }

    fn time(&self, column: &str) -> Result<Timestamp> {
        time(self.try_get(column)?)
    }

    fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T> {
        let text: &str = self.try_get(column)?;
        serde_json::from_str(text).map_err(|error| unreadable(column, error))
    }
}

/// A value as a JSON column.
pub(crate) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| unreadable("a value to store", error))
}

/// A generation as a column. Generations count changes, so they stay far below 2^63.
pub(crate) fn generation(generation: Generation) -> i64 {
    i64::try_from(generation.0).unwrap_or(i64::MAX)
}

/// A size as a column.
pub(crate) fn size(size: u64) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// An id as a column.
pub(crate) fn id(id: &Uuid) -> &[u8] {
    id.as_bytes()
}
