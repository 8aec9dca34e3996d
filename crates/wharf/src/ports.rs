//! Ports that the system chose are kept: scoring URIs and the addresses of stored
//! files hold them.

use std::{io, net::SocketAddr, path::PathBuf};

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::{
    durable::{self, Readers},
    error::StartError,
};

/// The two listeners, bound and not yet served.
pub(crate) struct Listeners {
    pub(crate) control: TcpListener,
    pub(crate) scoring: TcpListener,
    pub(crate) ports: Ports,
}

/// Ports of the last start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ports {
    pub(crate) control: u16,
    pub(crate) scoring: u16,
}

impl Listeners {
    /// Binds both addresses. `file` remembers the ports.
    pub(crate) async fn bind(
        control: SocketAddr,
        scoring: SocketAddr,
        file: &PathBuf,
    ) -> Result<Self, StartError> {
        let kept = std::fs::read(file).ok();
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Ports>(&bytes).ok());
        let kept = kept.unwrap_or_default();
        let control = bind("--listen", control, kept.control).await?;
        let scoring = bind("--scoring-listen", scoring, kept.scoring).await?;
        let port = |listener: &TcpListener| {
            let address = listener.local_addr();
            address
                .map(|address| address.port())
                .map_err(|error| StartError::Part(format!("a listener has no address: {error}")))
        };
        let ports = Ports {
            control: port(&control)?,
            scoring: port(&scoring)?,
        };
        let json = serde_json::to_vec(&ports).map_err(|error| StartError::unusable(file, error))?;
        durable::write_if_other(file, &json, Readers::Owner)
            .map_err(|error| StartError::file("write", file, error))?;
        Ok(Self {
            control,
            scoring,
            ports,
        })
    }
}

async fn bind(
    option: &'static str,
    wanted: SocketAddr,
    kept: u16,
) -> Result<TcpListener, StartError> {
    if wanted.port() == 0 && kept != 0 {
        let address = SocketAddr::new(wanted.ip(), kept);
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => tracing::warn!(
                option,
                port = kept,
                "the port of the last start is taken: addresses that were given out with it lead \
                 nowhere until they are read again"
            ),
            Err(source) => {
                return Err(StartError::Listen {
                    option,
                    address,
                    source,
                });
            }
        }
    }
    TcpListener::bind(wanted)
        .await
        .map_err(|source| StartError::Listen {
            option,
            address: wanted,
            source,
        })
}
