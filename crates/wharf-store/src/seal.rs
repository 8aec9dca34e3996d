//! Sealed fields: AES-256-GCM with a random nonce. The place of a value (table,
//! row, column) is authenticated with it, so that a sealed value copied to another
//! row does not open.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use wharf_core::Secret;

use crate::StoreError;

/// The key that sealed fields are opened with; kept in a file of its own.
pub struct SealKey(RandomizedNonceKey);

impl SealKey {
    /// From 32 random bytes.
    ///
    /// # Errors
    /// Never for 32 bytes; the library's signature has it.
    pub fn new(key: &[u8; 32]) -> Result<Self, StoreError> {
        RandomizedNonceKey::new(&AES_256_GCM, key)
            .map(Self)
            .map_err(|_| StoreError::Unreadable("the seal key".to_owned()))
    }

    /// `place` is `table/column/row`.
    pub(crate) fn seal(&self, place: &str, secret: &Secret) -> Result<Vec<u8>, StoreError> {
        let mut text = secret.reveal().as_bytes().to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place), &mut text)
            .map_err(|_| StoreError::Unreadable(format!("{place} cannot be sealed")))?;
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut text);
        Ok(sealed)
    }

    pub(crate) fn open(&self, place: &str, sealed: &[u8]) -> Result<Secret, StoreError> {
        let broken = || {
            StoreError::Unreadable(format!(
                "{place} does not open: it was changed, or keys/seal.key was replaced"
            ))
        };
        let (nonce, text) = sealed.split_at_checked(NONCE_LEN).ok_or_else(broken)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| broken())?;
        let mut text = text.to_vec();
        let opened = self
            .0
            .open_in_place(nonce, Aad::from(place), &mut text)
            .map_err(|_| broken())?;
        let text = std::str::from_utf8(opened).map_err(|_| broken())?;
        Ok(Secret::new(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_place() {
        let seal = SealKey::new(&[1; 32]).expect("a key");
        let sealed = seal
            .seal("endpoints/keys/1", &Secret::new("k"))
            .expect("sealed");
        assert!(seal.open("endpoints/keys/1", &sealed).is_ok());
        assert!(seal.open("endpoints/keys/2", &sealed).is_err());
        let other = SealKey::new(&[2; 32]).expect("a key");
        assert!(other.open("endpoints/keys/1", &sealed).is_err());
        assert!(seal.open("endpoints/keys/1", &sealed[..5]).is_err());
    }
}
