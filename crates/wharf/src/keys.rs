//! Keys and the administrator's secret: made once, kept for ever.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_lc_rs::rand;
use jiff::Timestamp;
use wharf_cli::DataDir;
use wharf_control::token::{TokenKey, TokenKeys};
use wharf_core::Secret;

use crate::{
    config::LONGEST_TOKEN_LIFETIME,
    data_dir::is_there,
    durable::{self, Readers},
    error::StartError,
};

/// Bytes of the administrator's secret before they are spelled in hex.
const SECRET_BYTES: usize = 32;
/// What the secret may have at most, when somebody else writes the file.
const LONGEST_SECRET: usize = 1024;
/// And at least: shorter ones can be guessed.
const SHORTEST_SECRET: usize = 16;

/// How long tokens of a replaced key are taken: as long as the longest-lived of them.
const REPLACED_KEY_LIFETIME: Duration = Duration::from_secs(LONGEST_TOKEN_LIFETIME);
/// Most replaced keys that are read.
const MOST_REPLACED_KEYS: usize = 16;

/// All keys of a server.
pub(crate) struct Keys {
    pub(crate) token: TokenKeys,
    pub(crate) scoring: TokenKey,
    pub(crate) sas: [u8; 32],
    pub(crate) seal: [u8; 32],
    pub(crate) administrator: Secret,
}

impl Keys {
    /// Reads the keys; makes those that are missing, as long as there is no
    /// database that was written with them. A key for tokens that `wharf keys rotate`
    /// put aside is replaced, and checks tokens until none of it can be good.
    pub(crate) fn open(dir: &DataDir, now: Timestamp) -> Result<Self, StartError> {
        let may_make = !is_there(&dir.database())?;
        let file = |name: &str| KeyFile {
            path: dir.keys().join(name),
            may_make,
        };
        // Data directories of older releases have none, and a new one costs a client
        // no more than a fresh token.
        let scoring = KeyFile {
            may_make: true,
            ..file("scoring-token.key")
        };
        let previous = replaced(dir, now)?;
        let mut token_file = file("token.key");
        token_file.may_make |= !previous.is_empty();
        let secret_file = file("administrator.secret");
        let secret = secret_file.open(|| Ok(hex(&random::<SECRET_BYTES>()?).into_bytes()))?;
        Ok(Self {
            token: TokenKeys {
                current: token_file.open_token_key()?,
                previous,
            },
            scoring: scoring.open_token_key()?,
            sas: file("sas.key").open_random()?,
            seal: file("seal.key").open_random()?,
            administrator: secret_of(&secret_file.path, &secret)?,
        })
    }
}

fn token_key(path: &Path, der: &[u8]) -> Result<TokenKey, StartError> {
    TokenKey::from_pkcs8(der).map_err(|error| StartError::unusable(path, StartError::from(error)))
}

/// The keys that were put aside, each with the end of its tokens. What can check none
/// any more is removed.
fn replaced(dir: &DataDir, now: Timestamp) -> Result<Vec<(TokenKey, Timestamp)>, StartError> {
    let mut keys = Vec::new();
    for (path, replaced_at) in dir.replaced_token_keys() {
        let Ok(until) = replaced_at.checked_add(REPLACED_KEY_LIFETIME) else {
            return Err(StartError::unusable(&path, "its name holds no time"));
        };
        if until <= now {
            fs::remove_file(&path).map_err(|error| StartError::file("remove", &path, error))?;
            continue;
        }
        let der = fs::read(&path).map_err(|error| StartError::file("read", &path, error))?;
        keys.push((token_key(&path, &der)?, until));
    }
    if keys.len() > MOST_REPLACED_KEYS {
        return Err(StartError::unusable(
            &dir.keys(),
            format!(
                "it holds {} replaced keys; at most {MOST_REPLACED_KEYS} are read, remove the \
                 oldest `token.replaced-*.key`",
                keys.len()
            ),
        ));
    }
    Ok(keys)
}

struct KeyFile {
    path: PathBuf,
    may_make: bool,
}

impl KeyFile {
    fn open(
        &self,
        make: impl FnOnce() -> Result<Vec<u8>, StartError>,
    ) -> Result<Vec<u8>, StartError> {
        if is_there(&self.path)? {
            return std::fs::read(&self.path)
                .map_err(|error| StartError::file("read", &self.path, error));
        }
        if !self.may_make {
            // A new key would make what is sealed or signed with the old one
            // worthless without a word.
            return Err(StartError::unusable(
                &self.path,
                "it is missing, and the database was written with it",
            ));
        }
        let bytes = make()?;
        durable::write(&self.path, &bytes, Readers::Owner)
            .map_err(|error| StartError::file("write", &self.path, error))?;
        Ok(bytes)
    }

    fn open_token_key(&self) -> Result<TokenKey, StartError> {
        let bytes = self.open(|| TokenKey::generate().map_err(StartError::from))?;
        TokenKey::from_pkcs8(&bytes)
            .map_err(|error| StartError::unusable(&self.path, StartError::from(error)))
    }

    fn open_random(&self) -> Result<[u8; 32], StartError> {
        let bytes = self.open(|| Ok(random::<32>()?.to_vec()))?;
        bytes
            .try_into()
            .map_err(|_| StartError::unusable(&self.path, "it must have 32 bytes"))
    }
}

fn secret_of(path: &Path, bytes: &[u8]) -> Result<Secret, StartError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| StartError::unusable(path, "it must be text"))?
        .trim();
    if !(SHORTEST_SECRET..=LONGEST_SECRET).contains(&text.len())
        || !text.bytes().all(|byte| byte.is_ascii_graphic())
    {
        // It travels in a header and in a shell's variable.
        return Err(StartError::unusable(
            path,
            format!(
                "it must have {SHORTEST_SECRET} to {LONGEST_SECRET} printable characters without \
                 spaces"
            ),
        ));
    }
    Ok(Secret::new(text))
}

fn random<const N: usize>() -> Result<[u8; N], StartError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes)
        .map_err(|_| StartError::Part("the system gives no random bytes".into()))?;
    Ok(bytes)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<Secret, StartError> {
        secret_of(Path::new("administrator.secret"), text.as_bytes())
    }

    #[test]
    fn a_secret_of_ones_own_may_end_with_a_line_end() {
        let kept = secret("0123456789abcdef\n").expect("good");
        assert_eq!(kept.reveal(), "0123456789abcdef");
    }

    #[test]
    fn a_secret_that_cannot_travel_is_refused_and_not_shown() {
        for bad in ["", "short", "0123456789 abcdef", "0123456789abcdefé"] {
            let error = secret(bad).expect_err(bad).to_string();
            assert!(error.contains("16 to 1024 printable"), "{error}");
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }
}
