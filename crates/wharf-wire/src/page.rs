//! Lists: `{"value": […], "nextLink"?}`.

use serde::{Deserialize, Serialize};

/// A page of a list. The key `nextLink` must be missing on the last page: SDK v1
/// asks for the page behind a `null`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ValueList<T> {
    /// The items.
    pub value: Vec<T>,
    /// Full address of the next page.
    #[serde(
        rename = "nextLink",
        default = "Option::default",
        skip_serializing_if = "Option::is_none"
    )]
    pub next_link: Option<String>,
}

impl<T> ValueList<T> {
    /// A list that fits on one page.
    pub fn last(value: Vec<T>) -> Self {
        Self {
            value,
            next_link: None,
        }
    }
}
