//! Who may: the signature in a request's query.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use wharf_control::sas::SasGrant;
use wharf_core::Result;

use crate::call::Call;

/// What the request's signature allows.
///
/// # Errors
/// [`wharf_core::Error::Forbidden`] saying what is wrong with it.
pub(super) fn grant(call: &Call) -> Result<SasGrant> {
    let pairs: Vec<_> = call
        .pairs()
        .iter()
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect();
    let (container, blob) = (call.parameter("container"), call.parameter("blob"));
    let refused = match call.app().sas_verify(&container, &blob, &pairs) {
        Ok(grant) => return Ok(grant),
        Err(refused) => refused,
    };
    // The SDK takes the path out of an address as it is, encoded, and encodes it
    // again. The signature holds for one name only, so a second look is safe.
    match percent_decode_str(&blob).decode_utf8() {
        Ok(Cow::Owned(decoded)) => call.app().sas_verify(&container, &decoded, &pairs),
        _ => Err(refused),
    }
}
