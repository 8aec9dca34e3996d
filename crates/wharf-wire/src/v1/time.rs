//! Times as this surface prints them.

use jiff::Timestamp;

/// ISO 8601 in UTC with six digits of a second: Python's `datetime` has no more.
pub(crate) fn text(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
