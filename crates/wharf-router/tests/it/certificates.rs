//! Which certificate a client gets, and that a change of it disturbs nobody.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, ServerName},
    version::{TLS12, TLS13},
};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use wharf_core::{
    Secret,
    route::RouteTable,
    tls::{CertificatePair, HostName},
};

use crate::{
    client::{Reply, score},
    model::{Model, within},
    router::TestRouter,
};

const IRIS: &str = "iris.example.com";
const WINE: &str = "wine.example.com";

/// Signs what computes are served with.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    roots: RootCertStore,
}

impl Authority {
    fn new(router: &TestRouter) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        // The router's own certificate is trusted too, so that a wrong choice is
        // seen by its name and not hidden in a failed handshake.
        let mut roots = (*router.authority).clone();
        roots.add(certificate.der().clone()).unwrap();
        Self {
            issuer: Issuer::new(params, key),
            roots,
        }
    }

    fn pair(&self, names: &[&str]) -> Arc<CertificatePair> {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let params = CertificateParams::new(names).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Arc::new(CertificatePair {
            certificate: certificate.pem(),
            key: Secret::new(key.serialize_pem()),
        })
    }

    fn config(&self, versions: &[&'static SupportedProtocolVersion]) -> ClientConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth()
    }
}

type Pairs = HashMap<HostName, Arc<CertificatePair>>;

fn pairs(entries: &[(&str, &Arc<CertificatePair>)]) -> Arc<Pairs> {
    let entry =
        |(host, pair): &(&str, &Arc<CertificatePair>)| (host.parse().unwrap(), Arc::clone(pair));
    Arc::new(entries.iter().map(entry).collect())
}

fn der(pair: &CertificatePair) -> CertificateDer<'static> {
    use rustls::pki_types::pem::PemObject as _;
    CertificateDer::from_pem_slice(pair.certificate.as_bytes()).unwrap()
}

/// What the router presents for a name.
fn presented(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

impl TestRouter {
    fn publish(&self, certificates: Arc<Pairs>) {
        let routes = self.routes.borrow().routes.clone();
        self.routes.send_replace(Arc::new(RouteTable {
            routes,
            certificates,
        }));
    }

    async fn shake(
        &self,
        config: &ClientConfig,
        name: &str,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.handle.local_addr()).await?;
        let name = ServerName::try_from(name.to_owned()).unwrap();
        TlsConnector::from(Arc::new(config.clone()))
            .connect(name, stream)
            .await
    }

    /// Returns once a new connection to `name` gets this certificate.
    async fn serves(&self, config: &ClientConfig, name: &str, pair: &CertificatePair) {
        let wanted = der(pair);
        within("the certificate", async {
            // A name that is not served yet gets the router's own, which is not
            // good for it: the handshake fails.
            while !matches!(
                self.shake(config, name).await, Ok(stream) if presented(&stream) == wanted
            ) {}
        })
        .await;
    }
}

#[tokio::test]
async fn the_asked_name_chooses_and_a_strange_one_gets_the_routers_own() {
    let model = Model::start("one");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let authority = Authority::new(&router);
    // Each is good for the other's name too: only the table says whose it is.
    let (iris, wine) = (
        authority.pair(&[IRIS, WINE]),
        authority.pair(&[WINE, IRIS, "localhost"]),
    );
    router.publish(pairs(&[(IRIS, &iris), (WINE, &wine)]));
    for version in [&TLS12, &TLS13] {
        let config = authority.config(&[version]);
        router.serves(&config, IRIS, &iris).await;
        router.serves(&config, WINE, &wine).await;
        let stream = router.shake(&config, "IRIS.Example.COM").await.unwrap();
        assert_eq!(presented(&stream), der(&iris));
        let own = router.shake(&config, "localhost").await.unwrap();
        assert_ne!(presented(&own), der(&wine));
        // A name that nobody has, below one that somebody has.
        let error = router
            .shake(&config, "x.wine.example.com")
            .await
            .unwrap_err();
        assert!(error.to_string().contains("localhost"), "{error}");
        let mut nameless = config;
        nameless.enable_sni = false;
        let stream = router.shake(&nameless, "localhost").await.unwrap();
        assert_eq!(presented(&stream), presented(&own));
    }
    // Gone from the table, gone from the listener.
    router.publish(pairs(&[(IRIS, &iris)]));
    let config = authority.config(&[&TLS13]);
    within("the name is gone", async {
        while router.shake(&config, WINE).await.is_ok() {}
    })
    .await;
    router.serves(&config, IRIS, &iris).await;
}

#[tokio::test]
async fn a_pair_that_cannot_be_served_takes_no_other_with_it() {
    let model = Model::start("one");
    let router = TestRouter::iris(&[&model], |_| ()).await;
    let authority = Authority::new(&router);
    let iris = authority.pair(&[IRIS]);
    let broken = Arc::new(CertificatePair {
        certificate: iris.certificate.clone(),
        key: Secret::new("no key"),
    });
    router.publish(pairs(&[(IRIS, &iris), (WINE, &broken)]));
    let config = authority.config(&[&TLS13]);
    router.serves(&config, IRIS, &iris).await;
    let error = router.shake(&config, WINE).await.unwrap_err();
    assert!(error.to_string().contains("localhost"), "{error}");
}

/// The short form of a hundred rotations under load: each is seen by a new
/// connection before the next one comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotations_fail_no_handshake_and_cut_no_connection() {
    const ROTATIONS: usize = 100;
    let model = Model::start("one");
    let router = Arc::new(TestRouter::iris(&[&model], |target| target.concurrency = 64).await);
    let authority = Authority::new(&router);
    let config = authority.config(&[&TLS12, &TLS13]);
    let first = authority.pair(&[IRIS]);
    router.publish(pairs(&[(IRIS, &first)]));
    router.serves(&config, IRIS, &first).await;

    let old = router.shake(&config, IRIS).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(old)).await.unwrap();
    let connection = tokio::spawn(connection);
    let ask = || {
        let mut request = score("");
        request.headers_mut().insert("host", IRIS.parse().unwrap());
        request
    };

    let (is_over, shaken) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let load: Vec<_> = (0..3)
        .map(|_| {
            let (router, config) = (Arc::clone(&router), config.clone());
            let (is_over, shaken) = (Arc::clone(&is_over), Arc::clone(&shaken));
            tokio::spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    let mut stream = router.shake(&config, IRIS).await.expect("a handshake");
                    shaken.fetch_add(1, Ordering::Relaxed);
                    let _ = stream.shutdown().await;
                }
            })
        })
        .collect();
    for rotation in 0..ROTATIONS {
        let next = authority.pair(&[IRIS]);
        router.publish(pairs(&[(IRIS, &next)]));
        router.serves(&config, IRIS, &next).await;
        if rotation % 10 == 0 {
            let answer = sender.send_request(ask()).await.unwrap();
            assert_eq!(Reply::of(answer).await.model(), "one");
        }
    }
    is_over.store(true, Ordering::Relaxed);
    for task in load {
        task.await.unwrap();
    }
    assert!(shaken.load(Ordering::Relaxed) > 0);
    let answer = sender.send_request(ask()).await.unwrap();
    assert_eq!(Reply::of(answer).await.model(), "one");
    assert!(!connection.is_finished(), "the first connection was cut");
}
