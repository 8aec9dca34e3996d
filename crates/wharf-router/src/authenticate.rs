//! Who may score: holders of one of the endpoint's keys.
//!
//! Hashes are compared, in the same time whatever was sent, and all of them every
//! time: neither the key nor which of the two it is can be timed.

use http::{HeaderMap, header};
use wharf_core::{keys::KeyHash, route::RouteAuthentication};

use crate::error::Refusal;

/// Lets a request pass, or says what is missing.
pub(crate) fn authenticate(rule: &RouteAuthentication, headers: &HeaderMap) -> Result<(), Refusal> {
    let hashes = match rule {
        RouteAuthentication::Open => return Ok(()),
        RouteAuthentication::Keys(hashes) => hashes,
    };
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields.next().ok_or(Refusal::KeyMissing)?;
    if fields.next().is_some() {
        return Err(Refusal::KeyMalformed);
    }
    let text = field.to_str().map_err(|_| Refusal::KeyMalformed)?;
    let (scheme, key) = text.split_once(' ').ok_or(Refusal::KeyMalformed)?;
    let key = key.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || key.is_empty() {
        return Err(Refusal::KeyMalformed);
    }
    let presented = KeyHash::of(key);
    let is_known = hashes
        .iter()
        .fold(false, |is_known, hash| is_known | hash.matches(&presented));
    if is_known {
        Ok(())
    } else {
        Err(Refusal::KeyWrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_keys_work_and_nothing_else_does() {
        let rule = RouteAuthentication::Keys(vec![KeyHash::of("first"), KeyHash::of("second")]);
        for (sent, expected) in [
            (None, Err(Refusal::KeyMissing)),
            (Some("Bearer first"), Ok(())),
            (Some("bearer  second"), Ok(())),
            (Some("Bearer third"), Err(Refusal::KeyWrong)),
            (Some("Bearer "), Err(Refusal::KeyMalformed)),
            (Some("Basic first"), Err(Refusal::KeyMalformed)),
            (Some("first"), Err(Refusal::KeyMalformed)),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(sent) = sent {
                headers.insert(header::AUTHORIZATION, sent.parse().unwrap());
            }
            assert_eq!(authenticate(&rule, &headers), expected, "{sent:?}");
        }
        let empty = HeaderMap::new();
        assert_eq!(authenticate(&RouteAuthentication::Open, &empty), Ok(()));
        assert_eq!(
            authenticate(&RouteAuthentication::Keys(Vec::new()), &empty),
            Err(Refusal::KeyMissing)
        );
    }
}
