//! Shapes that use cases share: what a write answers, and pages of lists.

use wharf_core::operation::OperationId;

/// What a write of a long-running resource answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Written<T> {
    /// The whole resource as it is now.
    pub resource: T,
    /// What to poll.
    pub operation: OperationId,
    /// It was not there before.
    pub is_new: bool,
}

/// Which part of a list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The `next` of the page before.
    pub after: Option<String>,
    /// At most this many.
    pub limit: u32,
}

impl Page {
    /// Most items of one page.
    pub const MOST: u32 = 1_000;

    /// The first `limit` items.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit }
    }

    fn bounded(&self) -> u32 {
        self.limit.clamp(1, Self::MOST)
    }

    /// How many to ask the store for: one more than wanted tells whether there is a
    /// next page.
    pub(crate) fn look_ahead(&self) -> u32 {
        self.bounded() + 1
    }

    /// Begins to gather the page from batches of which not all is wanted.
    pub(crate) fn gather<T>(&self) -> Gathered<'_, T> {
        Gathered {
            page: self,
            after: self.after.clone(),
            found: Vec::new(),
            is_done: false,
        }
    }

    /// Cuts what was found with [`Page::look_ahead`] to the page.
    pub(crate) fn listed<T>(&self, mut found: Vec<T>, key: impl Fn(&T) -> String) -> Listed<T> {
        let wanted = self.bounded() as usize;
        let next = (found.len() > wanted).then(|| key(&found[wanted - 1]));
        found.truncate(wanted);
        Listed { items: found, next }
    }
}

/// What there is of a page so far, where the store's batches of [`Page::look_ahead`]
/// hold more than is wanted.
pub(crate) struct Gathered<'a, T> {
    page: &'a Page,
    after: Option<String>,
    found: Vec<T>,
    is_done: bool,
}

impl<T> Gathered<'_, T> {
    /// Whether the page is full, or nothing more comes.
    pub(crate) fn is_done(&self) -> bool {
        self.is_done
    }

    /// Where the next batch begins.
    pub(crate) fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Takes what is wanted of the next batch.
    pub(crate) fn add(
        &mut self,
        batch: Vec<T>,
        is_wanted: impl Fn(&T) -> bool,
        key: impl Fn(&T) -> String,
    ) {
        let limit = self.page.look_ahead() as usize;
        let is_last = batch.len() < limit;
        self.after = batch.last().map(key);
        self.found.extend(batch.into_iter().filter(is_wanted));
        self.is_done = is_last || self.found.len() >= limit;
    }

    /// The page.
    pub(crate) fn listed(self, key: impl Fn(&T) -> String) -> Listed<T> {
        self.page.listed(self.found, key)
    }
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}
