//! The TLS handshake, in limited time, with the certificate of the name that the
//! client asks for.

use std::{collections::HashMap, fmt, io, sync::Arc, time::Duration};

use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::sign::any_supported_type,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use wharf_core::tls::{CertificatePair, HostName};

use crate::table::Current;

/// The protocols that are offered, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Certificates by name, ready to be served.
pub(crate) type Certificates = HashMap<String, Arc<CertifiedKey>>;

/// The certificate of the asked name, as the snapshot of this moment has it. Every
/// other name, and no name, gets the server's own: never that of another compute.
struct ByName {
    current: Arc<Current>,
    own: Arc<dyn ResolvesServerCert>,
}

impl fmt::Debug for ByName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByName")
            .field("own", &self.own)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // rustls hands the name over in small letters.
        let found = hello
            .server_name()
            .and_then(|name| self.current.load().certificate(name));
        found.or_else(|| self.own.resolve(hello))
    }
}

/// The acceptor for a configuration; one that names no protocols offers both.
pub(crate) fn acceptor(config: &ServerConfig, current: Arc<Current>) -> TlsAcceptor {
    let mut config = config.clone();
    if config.alpn_protocols.is_empty() {
        config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    }
    let own = Arc::clone(&config.cert_resolver);
    config.cert_resolver = Arc::new(ByName { current, own });
    TlsAcceptor::from(Arc::new(config))
}

/// Makes pairs ready, and keeps what was made: most changes concern none of them.
#[derive(Default)]
pub(crate) struct Keyring {
    ready: HashMap<HostName, (Arc<CertificatePair>, Arc<CertifiedKey>)>,
    seen: Option<Arc<HashMap<HostName, Arc<CertificatePair>>>>,
    shown: Arc<Certificates>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("names", &self.ready.keys())
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// The pairs of this moment. One that cannot be served is left out and logged;
    /// its name then gets the server's own certificate.
    pub(crate) fn update(
        &mut self,
        pairs: &Arc<HashMap<HostName, Arc<CertificatePair>>>,
    ) -> Arc<Certificates> {
        if self
            .seen
            .as_ref()
            .is_some_and(|seen| Arc::ptr_eq(seen, pairs))
        {
            return Arc::clone(&self.shown);
        }
        let mut ready = HashMap::with_capacity(pairs.len());
        for (host, pair) in pairs.iter() {
            let kept = self.ready.remove(host).filter(|(made, _)| made == pair);
            match kept.map_or_else(|| certified(pair), |(_, key)| Ok(key)) {
                Ok(key) => {
                    ready.insert(host.clone(), (Arc::clone(pair), key));
                }
                Err(error) => {
                    tracing::error!(%host, error, "a certificate cannot be served");
                }
            }
        }
        let shown = ready
            .iter()
            .map(|(host, (_, key))| (host.to_string(), Arc::clone(key)))
            .collect();
        self.ready = ready;
        self.seen = Some(Arc::clone(pairs));
        self.shown = Arc::new(shown);
        Arc::clone(&self.shown)
    }
}

fn certified(pair: &CertificatePair) -> Result<Arc<CertifiedKey>, String> {
    let chain = CertificateDer::pem_slice_iter(pair.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| error.to_string())?;
    let key = PrivateKeyDer::from_pem_slice(pair.key.reveal().as_bytes())
        .map_err(|error| error.to_string())?;
    // That they match was checked when they were taken in; rustls' own check reads
    // no certificate of version 1.
    let key = any_supported_type(&key).map_err(|error| error.to_string())?;
    Ok(Arc::new(CertifiedKey::new(chain, key)))
}

/// Shakes hands, or gives up.
pub(crate) async fn shake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    patience: Duration,
) -> io::Result<TlsStream<TcpStream>> {
    timeout(patience, acceptor.accept(stream))
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
}

/// Whether the client chose HTTP/2.
pub(crate) fn is_http2(stream: &TlsStream<TcpStream>) -> bool {
    stream.get_ref().1.alpn_protocol() == Some(PROTOCOLS[0])
}
