//! Who may score: holders of one of the endpoint's keys, or of a token for it.
//!
//! Hashes of keys are compared, in the same time whatever was sent, and all of them
//! every time: neither the key nor which of the two it is can be timed.

use http::{HeaderMap, header};
use wharf_core::{clock::Clock, keys::KeyHash, route::RouteAuthentication};

use crate::{
    error::{Credential, Refusal},
    token::{Fault, Remembered, Verifier},
};

/// What an endpoint asks for, made ready for many requests.
#[derive(Debug)]
pub(crate) enum Authenticator {
    Open,
    Keys(Vec<KeyHash>),
    Tokens(Box<Verifier>),
}

impl Authenticator {
    pub(crate) fn new(rule: &RouteAuthentication) -> Self {
        match rule {
            RouteAuthentication::Open => Self::Open,
            RouteAuthentication::Keys(hashes) => Self::Keys(hashes.clone()),
            RouteAuthentication::Tokens(rule) => Self::Tokens(Box::new(Verifier::new(rule))),
        }
    }

    /// Lets a request pass, or says what is missing.
    pub(crate) fn admit(
        &self,
        headers: &HeaderMap,
        clock: &dyn Clock,
        remembered: &Remembered,
    ) -> Result<(), Refusal> {
        match self {
            Self::Open => Ok(()),
            Self::Keys(hashes) => {
                let presented = KeyHash::of(presented(headers, Credential::Key)?);
                let is_known = hashes
                    .iter()
                    .fold(false, |is_known, hash| is_known | hash.matches(&presented));
                is_known
                    .then_some(())
                    .ok_or(Refusal::CredentialWrong(Credential::Key))
            }
            Self::Tokens(verifier) => {
                let token = presented(headers, Credential::Token)?;
                let now = clock.now().as_second();
                match verifier.check(token, now, remembered) {
                    Ok(()) => Ok(()),
                    Err(Fault::Wrong) => Err(Refusal::CredentialWrong(Credential::Token)),
                    Err(Fault::OutOfTime) => Err(Refusal::TokenOutOfTime),
                }
            }
        }
    }
}

/// What follows `Bearer` in the one Authorization field.
fn presented(headers: &HeaderMap, credential: Credential) -> Result<&str, Refusal> {
    let malformed = || Refusal::CredentialMalformed(credential);
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let field = fields
        .next()
        .ok_or(Refusal::CredentialMissing(credential))?;
    if fields.next().is_some() {
        return Err(malformed());
    }
    let text = field.to_str().map_err(|_| malformed())?;
    let (scheme, presented) = text.split_once(' ').ok_or_else(malformed)?;
    let presented = presented.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || presented.is_empty() {
        return Err(malformed());
    }
    Ok(presented)
}

#[cfg(test)]
mod tests {
    use wharf_core::clock::SystemClock;

    use super::*;

    fn authenticate(rule: &RouteAuthentication, headers: &HeaderMap) -> Result<(), Refusal> {
        Authenticator::new(rule).admit(headers, &SystemClock, &Remembered::default())
    }

    #[test]
    fn both_keys_work_and_nothing_else_does() {
        let rule = RouteAuthentication::Keys(vec![KeyHash::of("first"), KeyHash::of("second")]);
        let missing = Err(Refusal::CredentialMissing(Credential::Key));
        let malformed = Err(Refusal::CredentialMalformed(Credential::Key));
        for (sent, expected) in [
            (None, missing.clone()),
            (Some("Bearer first"), Ok(())),
            (Some("bearer  second"), Ok(())),
            (
                Some("Bearer third"),
                Err(Refusal::CredentialWrong(Credential::Key)),
            ),
            (Some("Bearer "), malformed.clone()),
            (Some("Basic first"), malformed.clone()),
            (Some("first"), malformed),
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
            missing
        );
    }
}
