//! Requests a second and core: a router on one thread before a trivial replica.
//!
//! `cargo run --release -p wharf-router --example bench -- SECONDS CONNECTIONS BYTES [CREDENTIAL]`
//!
//! CREDENTIAL is `key`, `token` (one token, again and again) or `tokens` (a fresh one
//! for each request, so that each signature is checked).
//!
//! Router, replica and clients each have a runtime of their own, and the processor
//! time of the router's threads is what counts, so that the machine's other work
//! changes little.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a tool at the shell: it prints figures, and a panic is how it fails"
)]

use std::{
    collections::HashMap,
    convert::Infallible,
    fs,
    num::NonZeroU32,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::{
    net::{TcpListener, TcpStream, UnixListener},
    runtime::{Builder, Runtime},
    sync::watch,
};
use wharf_core::{
    clock::{Clock as _, SystemClock},
    deployment::WorkloadKey,
    keys::KeyHash,
    route::{
        ReadyReplica, ReplicaAddress, ReplicaTable, Route, RouteAuthentication, RouteTable,
        RouteTarget,
    },
    scaling::Scaling,
    token::{ISSUER, ScoringClaims, TokenIssuer, TokenRule},
};
use wharf_router::{Limits, Router, RouterSettings, Scaler};

const KEY: &str = "a-key-of-the-bench";
/// The kernel counts processor time in hundredths of a second.
const TICK: f64 = 0.01;

/// Which credential comes next.
static NEXT: AtomicU64 = AtomicU64::new(0);
/// More than a router remembers.
const MANY_TOKENS: usize = 20_000;

/// What clients send, and the rule that lets it pass.
fn credentials(kind: &str) -> (Vec<String>, RouteAuthentication) {
    let count = match kind {
        "key" => {
            let hashes = vec![KeyHash::of("another"), KeyHash::of(KEY)];
            return (vec![KEY.to_owned()], RouteAuthentication::Keys(hashes));
        }
        "token" => 1,
        "tokens" => MANY_TOKENS,
        other => panic!("CREDENTIAL is {other}, not key, token or tokens"),
    };
    let pair = rcgen::KeyPair::generate().unwrap();
    let point = pair.public_key_raw();
    let issuer = TokenIssuer {
        id: "k".to_owned(),
        x: URL_SAFE_NO_PAD.encode(&point[1..33]),
        y: URL_SAFE_NO_PAD.encode(&point[33..]),
    };
    let mut header = Header::new(Algorithm::ES256);
    header.kid = Some(issuer.id.clone());
    let key = EncodingKey::from_ec_der(&pair.serialize_der());
    let now = SystemClock.now().as_second();
    let token = |number: usize| {
        let claims = ScoringClaims {
            iss: ISSUER.to_owned(),
            aud: "urn:bench".to_owned(),
            sub: number.to_string(),
            iat: now,
            nbf: now,
            exp: now + 3_600,
            epoch: "0123456789abcdef".to_owned(),
        };
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    };
    let rule = TokenRule {
        audience: "urn:bench".to_owned(),
        epoch: "0123456789abcdef".to_owned(),
        issuers: vec![issuer],
    };
    let tokens = (0..count).map(token).collect();
    (tokens, RouteAuthentication::Tokens(rule))
}

struct Nobody;

#[async_trait]
impl Scaler for Nobody {
    async fn scale(&self, _: &WorkloadKey, _: u32) -> Result<(), String> {
        Ok(())
    }
}

fn runtime(name: &str) -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(1).thread_name(name).enable_all();
    builder.build().unwrap()
}

/// Processor time of the threads with a name, in seconds.
fn processor_time(name: &str) -> f64 {
    let mut ticks = 0;
    for task in fs::read_dir("/proc/self/task").unwrap().flatten() {
        let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap_or_default();
        if read("comm").trim() == name {
            let stat = read("stat");
            let fields = stat.rsplit(") ").next().unwrap_or_default();
            let number = |at: usize| fields.split(' ').nth(at).and_then(|it| it.parse().ok());
            ticks += number(11).unwrap_or(0u64) + number(12).unwrap_or(0);
        }
    }
    ticks as f64 * TICK
}

/// Most memory that the process ever had, in KiB.
fn most_memory() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

async fn replica(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let service = service_fn(|request: Request<Incoming>| async move {
            let mut body = request.into_body();
            let mut length = 0;
            while let Some(frame) = body.frame().await {
                length += frame.unwrap().data_ref().map_or(0, Bytes::len);
            }
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(length.to_string()))))
        });
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move { drop(served.await) });
    }
}

async fn client(
    address: std::net::SocketAddr,
    tls: Arc<rustls::ClientConfig>,
    body: Bytes,
    count: Arc<AtomicU64>,
    is_over: Arc<AtomicBool>,
    credentials: Arc<Vec<String>>,
) {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let name = "localhost".try_into().unwrap();
    let stream = tokio_rustls::TlsConnector::from(tls).connect(name, stream);
    let io = TokioIo::new(stream.await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    while !is_over.load(Relaxed) {
        let next = usize::try_from(NEXT.fetch_add(1, Relaxed)).unwrap();
        let credential = &credentials[next % credentials.len()];
        let request = Request::post("/api/v1/service/iris/score")
            .header("host", "localhost")
            .header("authorization", format!("Bearer {credential}"))
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))
            .unwrap();
        sender.ready().await.unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.status().is_success(), "{}", response.status());
        response.into_body().collect().await.unwrap();
        count.fetch_add(1, Relaxed);
    }
}

fn main() {
    let number = |at: usize, otherwise: u64| {
        let text = std::env::args().nth(at);
        text.and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let (seconds, connections) = (number(1, 5), number(2, 16));
    let body = Bytes::from(vec![b'x'; usize::try_from(number(3, 32)).unwrap()]);
    let kind = std::env::args().nth(4);
    let kind = kind.as_deref().unwrap_or("key");
    let (credentials, authentication) = credentials(kind);
    let credentials = Arc::new(credentials);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replica.sock");
    let [routers, replicas, clients] = ["router", "replica", "clients"].map(runtime);
    replicas.spawn({
        let path = path.clone();
        async move { replica(&path).await }
    });

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut authority = rustls::RootCertStore::empty();
    authority.add(made.cert.der().clone()).unwrap();
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(authority)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];

    let workload: WorkloadKey = format!("{:032x}-{:012x}", 1, 1).parse().unwrap();
    let target = RouteTarget {
        workload: workload.clone(),
        weight: 10_000,
        concurrency: u32::try_from(connections).unwrap(),
        scoring_timeout: Duration::from_secs(60),
        max_wait: Duration::from_secs(60),
        scaling: Scaling::Fixed(NonZeroU32::MIN),
    };
    let route = Route {
        workspace: None,
        endpoint: "iris".to_owned(),
        authentication,
        targets: vec![target],
    };
    let table = RouteTable {
        routes: HashMap::from([("iris".to_owned(), Arc::new(route))]),
        ..RouteTable::default()
    };
    let ready = ReadyReplica {
        id: "r".to_owned(),
        address: ReplicaAddress::Unix(path),
    };
    let known = ReplicaTable {
        replicas: HashMap::from([(workload, vec![ready])]),
    };
    let (_routes, routes_seen) = watch::channel(Arc::new(table));
    let (_replicas, replicas_seen) = watch::channel(Arc::new(known));
    let handle = routers.block_on(async {
        let settings = RouterSettings {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            tls: Arc::new(server),
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
        };
        Router::start(settings, routes_seen, replicas_seen, Arc::new(Nobody)).unwrap()
    });

    let count = Arc::new(AtomicU64::new(0));
    let is_over = Arc::new(AtomicBool::new(false));
    let tls = Arc::new(tls);
    let memory = most_memory();
    for _ in 0..connections {
        clients.spawn(client(
            handle.local_addr(),
            Arc::clone(&tls),
            body.clone(),
            Arc::clone(&count),
            Arc::clone(&is_over),
            Arc::clone(&credentials),
        ));
    }
    // Handshakes and first connections are not what is measured.
    while count.load(Relaxed) < connections {
        thread::sleep(Duration::from_millis(10));
    }
    let (began, first) = (Instant::now(), count.load(Relaxed));
    let used = processor_time("router");
    thread::sleep(Duration::from_secs(seconds));
    let total = count.load(Relaxed) - first;
    let elapsed = began.elapsed().as_secs_f64();
    let used = processor_time("router") - used;
    is_over.store(true, Relaxed);
    let memory = most_memory() - memory;
    println!("credential             {kind}");
    println!("connections            {connections}");
    println!("bytes of a body        {}", body.len());
    println!("memory of all three    +{:.1} MiB at most", memory / 1024.0);
    println!("requests a second      {:.0}", total as f64 / elapsed);
    println!("router, µs a request   {:.1}", used * 1e6 / total as f64);
    println!("requests a second and core {:.0}", total as f64 / used);
}
