//! `tags=` and `properties=` of lists: `key`, or `key=value`, separated by commas.

/// What a list asks for; without a value any value will do.
pub type WantedLabels = Vec<(String, Option<String>)>;

/// Reads a filter.
pub fn wanted(text: &str) -> WantedLabels {
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| match part.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (part.to_owned(), None),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_values() {
        assert_eq!(
            wanted("stage,team=a=b,"),
            [
                ("stage".to_owned(), None),
                ("team".to_owned(), Some("a=b".to_owned())),
            ]
        );
        assert_eq!(wanted(""), []);
    }
}
