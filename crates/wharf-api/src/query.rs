//! Names and values in a query or a form, percent-decoded.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Pairs of `a=b&c=d`. Parsed again for each question: queries are short.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pairs<'a>(pub(crate) &'a str);

impl<'a> Pairs<'a> {
    /// All pairs in order; what is not UTF-8 shows replacement characters.
    pub(crate) fn iter(self) -> impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)> {
        self.0
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decoded(name), decoded(value))
            })
    }

    /// The first value of `name`; names compare without case, as ARM has it.
    pub(crate) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        self.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let text = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&text).decode_utf8_lossy().into_owned());
    }
    percent_decode_str(text).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_and_names_compare_without_case() {
        let pairs = Pairs("API-version=1&$filter=a%20eq+'b%2fc'&flag&=x");
        assert_eq!(pairs.get("api-version").as_deref(), Some("1"));
        assert_eq!(pairs.get("$filter").as_deref(), Some("a eq 'b/c'"));
        assert_eq!(pairs.get("flag").as_deref(), Some(""));
        assert_eq!(pairs.get("other"), None);
    }
}
