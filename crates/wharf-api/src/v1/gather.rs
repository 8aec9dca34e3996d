//! A page of a list, bounded by bytes too: documents of the data plane may be
//! large, and a page holds up to a thousand of them.

use serde_json::Value;
use wharf_control::Page;

/// Bytes at which a page ends, whatever number of items was asked for.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// Items that are read at once.
const BATCH: u32 = 10;

/// A page while it is filled. One item always has room.
#[derive(Debug)]
pub(super) struct Gathered {
    documents: Vec<Value>,
    bytes: usize,
    left: u32,
    after: Option<String>,
    is_done: bool,
}

impl Gathered {
    pub(super) fn new(page: Page) -> Self {
        Self {
            documents: Vec::new(),
            bytes: 0,
            left: page.limit,
            after: page.after,
            is_done: false,
        }
    }

    /// What to read next; `None` when the page is full or the list at its end.
    pub(super) fn part(&self) -> Option<Page> {
        (!self.is_done).then(|| Page {
            after: self.after.clone(),
            limit: self.left.clamp(1, BATCH),
        })
    }

    /// Adds what was read, each document with the key that a next page begins after;
    /// `is_last` says that the list ends with them.
    pub(super) fn add(&mut self, items: Vec<(String, Value)>, is_last: bool) {
        for (key, document) in items {
            let bytes = document.to_string().len();
            if !self.documents.is_empty() && self.bytes + bytes > MOST_BYTES {
                self.is_done = true;
                return;
            }
            self.bytes += bytes;
            self.left = self.left.saturating_sub(1);
            self.documents.push(document);
            self.after = Some(key);
        }
        self.is_done = is_last || self.left == 0;
        if is_last {
            self.after = None;
        }
    }

    /// The documents, and where the next page begins.
    pub(super) fn into_parts(self) -> (Vec<Value>, Option<String>) {
        (self.documents, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All pages of `sizes`, as the lengths of their texts.
    fn pages(sizes: &[usize], limit: u32) -> Vec<Vec<usize>> {
        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let mut gathered = Gathered::new(Page { after, limit });
            while let Some(part) = gathered.part() {
                let first = part.after.map_or(0, |key| key.parse().expect("a number"));
                let end = sizes.len().min(first + part.limit as usize);
                let item = |at| (format!("{}", at + 1), Value::from("x".repeat(sizes[at])));
                let items = (first..end).map(item).collect();
                gathered.add(items, end == sizes.len());
            }
            let (documents, next) = gathered.into_parts();
            let lengths = documents.iter().map(|it| it.as_str().map_or(0, str::len));
            pages.push(lengths.collect());
            after = next;
            if after.is_none() {
                return pages;
            }
        }
    }

    #[test]
    fn a_page_ends_by_count_by_bytes_or_with_the_list() {
        assert_eq!(pages(&[], 5), [Vec::<usize>::new()]);
        assert_eq!(pages(&[1; 25], 100), [vec![1; 25]]);
        assert_eq!(pages(&[1; 25], 20), [vec![1; 20], vec![1; 5]]);
        assert_eq!(pages(&[1; 20], 20), [vec![1; 20]]);
        let large = 1024 * 1024;
        assert_eq!(
            pages(&[large; 7], 1_000),
            [vec![large; 3], vec![large; 3], vec![large]]
        );
        // One that is larger than a page still comes, alone.
        let huge = 2 * MOST_BYTES;
        assert_eq!(pages(&[1, huge, 1], 10), [vec![1], vec![huge], vec![1]]);
    }
}
