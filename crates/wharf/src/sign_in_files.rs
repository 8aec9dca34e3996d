//! Files that clients read: who signs in, where, and whom to trust. They are
//! written anew at each start, since the address may have changed.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use wharf_cli::{AdminFile, DataDir, EnvironmentBlock};

use crate::{
    durable::{self, Readers},
    error::StartError,
};

/// Where systems keep the CAs they trust in one file: Debian and Arch, Fedora and
/// RHEL, SUSE, Alpine and macOS (the list of Go's `crypto/x509`, `root_linux.go`).
const SYSTEM_BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Largest bundle that is copied, in bytes; usual ones have 250 kB.
const LARGEST_BUNDLE: u64 = 16 << 20;
/// Points Azure's clients at the cloud that the metadata call `Wharf`; in a fresh
/// folder they would begin with `AzureCloud`.
const AZURE_CONFIG: &str = "[cloud]\nname = Wharf\n";

/// Writes `ca-bundle.pem`; gives the system's bundle that went into it.
pub(crate) fn write_ca_bundle(dir: &DataDir, ca_pem: &str) -> Result<Option<PathBuf>, StartError> {
    let system = SYSTEM_BUNDLES.iter().map(Path::new);
    let system = system.filter(|path| path.is_file()).find_map(|path| {
        let bytes = read_limited(path);
        bytes.map(|bytes| (path.to_owned(), bytes)).ok()
    });
    let mut bundle = ca_pem.as_bytes().to_vec();
    if let Some((_, bytes)) = &system {
        if !bundle.ends_with(b"\n") {
            bundle.push(b'\n');
        }
        bundle.extend_from_slice(bytes);
    }
    write(&dir.ca_bundle(), &bundle, Readers::All)?;
    Ok(system.map(|(path, _)| path))
}

/// Writes `admin.json`, `env.sh`, `config.json` and the folder for Azure's
/// clients.
pub(crate) fn write_sign_in(dir: &DataDir, admin: &AdminFile) -> Result<(), StartError> {
    let config = dir.azure().join("config");
    if !config.exists() {
        // `az config set` writes there too.
        write(&config, AZURE_CONFIG.as_bytes(), Readers::Owner)?;
    }
    // The clients never fetch the metadata again once they have it.
    let cache = dir.azure().join("cloudEndpoints.json");
    match fs::remove_file(&cache) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StartError::file("remove", &cache, error));
        }
        _ => {}
    }
    let config = admin.workspace_config();
    write(&dir.workspace_config(), config.as_bytes(), Readers::Owner)?;
    let block = EnvironmentBlock::new(admin, dir).to_shell();
    write(&dir.env(), block.as_bytes(), Readers::Owner)?;
    // Last: the command line takes it for a sign that the others are there.
    write(&dir.admin(), admin.to_json().as_bytes(), Readers::Owner)
}

fn write(path: &Path, bytes: &[u8], readers: Readers) -> Result<(), StartError> {
    durable::write_if_other(path, bytes, readers)
        .map_err(|error| StartError::file("write", path, error))
}

fn read_limited(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > LARGEST_BUNDLE {
        return Err(io::Error::from(io::ErrorKind::FileTooLarge));
    }
    fs::read(path)
}
