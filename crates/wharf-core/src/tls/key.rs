//! A private key as PEM.

use rustls::{
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};

use crate::Secret;

/// The public half of a key, as a certificate holds it (SubjectPublicKeyInfo, DER).
///
/// # Errors
/// What is wrong with the key; nothing of it is repeated.
pub(super) fn public_half(key: &Secret) -> Result<Vec<u8>, String> {
    let text = key.reveal();
    // PKCS#8 says it in its label, the older formats in a header (RFC 1421, 4.6.1.1).
    if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text
            .lines()
            .any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
    {
        return Err(
            "is protected by a pass phrase; give it without one: `openssl pkey -in key.pem -out \
             plain.pem`"
                .to_owned(),
        );
    }
    let mut keys = PrivateKeyDer::pem_slice_iter(text.as_bytes());
    let key = match keys.next() {
        Some(Ok(key)) => key,
        Some(Err(_)) => return Err("is not well-formed PEM".to_owned()),
        None => {
            return Err(
                "has no private key; a PEM begins with -----BEGIN PRIVATE KEY-----".to_owned(),
            );
        }
    };
    if keys.next().is_some() {
        return Err("must be one private key, there are several".to_owned());
    }
    let unknown = || {
        "cannot be used: it must be an RSA key of 2048 to 8192 bits, an EC key on P-256 or P-384, \
         or an Ed25519 key"
            .to_owned()
    };
    let signing = any_supported_type(&key).map_err(|_| unknown())?;
    let public = signing.public_key().ok_or_else(unknown)?;
    Ok(public.as_ref().to_vec())
}
