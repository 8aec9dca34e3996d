//! Names and secrets in an `Authorization: Basic` header (RFC 7617).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use wharf_core::Secret;

/// Name and secret; `None` without such a header or when it is not well formed.
/// Both are percent-decoded: OAuth has them encoded (RFC 6749, 2.3.1), and what
/// stands in an address as user info is, too.
pub(super) fn credentials(headers: &HeaderMap) -> Option<(String, Secret)> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, secret) = text.split_once(':')?;
    let decoded = |text| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    Some((decoded(name)?, Secret::new(decoded(secret)?)))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_well_formed_is_decoded() {
        let of = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, HeaderValue::from_static(value));
            credentials(&headers)
        };
        let (name, secret) = of("basic aWQ6YSUyRmI6Yw==").expect("id and a%2Fb:c");
        assert_eq!((name.as_str(), secret.reveal()), ("id", "a/b:c"));
        for bad in ["Basic", "Basic !", "Basic aWQ=", "Bearer aWQ6YQ=="] {
            assert!(of(bad).is_none(), "{bad}");
        }
    }
}
