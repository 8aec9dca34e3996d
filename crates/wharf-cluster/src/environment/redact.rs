//! Credentials in addresses, out of everything that is shown.

/// `text` with `***` in place of what stands before an `@` in an address.
pub(super) fn redact(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        shown.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '`'))
            .unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                shown.push_str("***@");
                shown.push_str(host);
            }
            None => shown.push_str(authority),
        }
        rest = tail;
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_credentials_only() {
        for (text, shown) in [
            ("nothing @ all", "nothing @ all"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://me:word@host/x", "https://***@host/x"),
            (
                "fetch `https://t@h:1/x`, then https://h/y?z=http://u:p@i",
                "fetch `https://***@h:1/x`, then https://h/y?z=http://***@i",
            ),
            ("https://a@b@host", "https://***@host"),
        ] {
            assert_eq!(redact(text), shown);
        }
    }
}
