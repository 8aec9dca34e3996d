//! Connections: accepted up to a limit, each served until it or the router ends.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use wharf_core::{
    clock::Clock,
    room::{Place, Room},
    route::{ReplicaTable, RouteTable},
};
use wharf_http::HeadTimer;

use crate::{
    Shared,
    body::Budget,
    drain::{Phase, Stop},
    error::StartError,
    metrics::Counters,
    patience::Patient,
    scaler::{self, Scaler},
    settings::Limits,
    source::memory,
    table::{Builder, Current},
    tls,
    token::Remembered,
};

/// Pause after a failed `accept`: out of file descriptors, mostly.
const BREATH: Duration = Duration::from_millis(50);

/// Between two pings of an HTTP/2 connection, and for the answer to one. A client
/// that dribbles a head for ever cannot answer in between.
const PING: Duration = Duration::from_secs(10);

/// Most memory for the reading side of one HTTP/1 connection beside its head.
const READ_AHEAD: usize = 128 * 1024;

/// What a router is made of.
pub struct RouterSettings {
    /// Where clients come in; bound by the caller.
    pub listener: TcpListener,
    /// TLS, with the certificate for names that no compute has. Without ALPN protocols, `h2` and `http/1.1` are offered.
    pub tls: Arc<ServerConfig>,
    /// Limits on what clients send.
    pub limits: Limits,
    /// Tells when a token's time is over.
    pub clock: Arc<dyn Clock>,
}

/// Starts routers.
#[derive(Debug)]
pub struct Router;

/// A router that runs. Dropping the handle does not stop it.
#[derive(Debug)]
pub struct RouterHandle {
    local_addr: SocketAddr,
    phase: watch::Sender<Phase>,
    counters: Arc<Counters>,
    drain: Duration,
    accepting: JoinHandle<()>,
    /// Ends when the last connection has.
    connections: mpsc::Receiver<()>,
}

impl Router {
    /// Starts serving. The tables that the channels hold now are in place before
    /// this returns, so no request meets an empty one.
    ///
    /// # Errors
    /// The listener's address cannot be read.
    pub fn start(
        settings: RouterSettings,
        routes: watch::Receiver<Arc<RouteTable>>,
        replicas: watch::Receiver<Arc<ReplicaTable>>,
        scaler: Arc<dyn Scaler>,
    ) -> Result<RouterHandle, StartError> {
        let RouterSettings {
            listener,
            tls,
            limits,
            clock,
        } = settings;
        let local_addr = listener.local_addr()?;
        let (phase, stop) = Stop::new();
        let counters = Arc::new(Counters::default());
        let current = Arc::new(Current::default());
        memory::follow(
            Arc::clone(&current),
            Builder::new(&limits),
            routes,
            replicas,
            stop.clone(),
        );
        tokio::spawn(scaler::run(Arc::clone(&current), scaler, stop.clone()));
        let (alive, connections) = mpsc::channel(1);
        let drain = limits.drain;
        let acceptor = tls::acceptor(&tls, Arc::clone(&current));
        let shared = Arc::new(Shared {
            current,
            budget: Arc::new(Budget::new(limits.buffered_total_bytes)),
            counters: Arc::clone(&counters),
            limits,
            clock,
            remembered: Remembered::default(),
        });
        let accepting = tokio::spawn(accept(listener, acceptor, shared, stop, alive));
        Ok(RouterHandle {
            local_addr,
            phase,
            counters,
            drain,
            accepting,
            connections,
        })
    }
}

impl RouterHandle {
    /// Where it listens, with the port that the system chose.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// What it counted.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Ends when the router does without being stopped: after a panic. Of use no more
    /// then, also not to [`RouterHandle::stop`].
    pub async fn ended(&mut self) {
        let _ = (&mut self.accepting).await;
    }

    /// Accepts nothing new, lets requests in flight end for as long as
    /// [`Limits::drain`] says, then cuts what is left. True when nothing was cut.
    pub async fn stop(mut self) -> bool {
        self.phase.send_replace(Phase::Draining);
        // The listener closes with this task.
        let _ = (&mut self.accepting).await;
        let is_clean = timeout(self.drain, self.connections.recv()).await.is_ok();
        self.phase.send_replace(Phase::Ended);
        if !is_clean {
            self.connections.recv().await;
        }
        is_clean
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    mut stop: Stop,
    alive: mpsc::Sender<()>,
) {
    let limits = &shared.limits;
    let room = Room::new(limits.connections, limits.connections_per_address);
    let mut watched = stop.clone();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = watched.draining() => return,
        };
        let (stream, from) = match accepted {
            Ok((stream, address)) => (stream, address.ip()),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::select! {
                    () = sleep(BREATH) => continue,
                    () = stop.draining() => return,
                }
            }
        };
        let Some(place) = room.enter(from) else {
            shared.counters.connection_refused();
            continue;
        };
        shared.counters.connected();
        tokio::spawn(connection(
            stream,
            acceptor.clone(),
            Arc::clone(&shared),
            stop.clone(),
            (place, alive.clone()),
        ));
    }
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    shared: Arc<Shared>,
    mut stop: Stop,
    _counted: (Place, mpsc::Sender<()>),
) {
    // Answers are written at once; small ones must not wait for more.
    let _ = stream.set_nodelay(true);
    let shaken = tokio::select! {
        shaken = tls::shake(&acceptor, stream, shared.limits.handshake) => shaken,
        () = stop.draining() => return,
    };
    let stream = match shaken {
        Ok(stream) => stream,
        Err(error) => {
            shared.counters.handshake_failed();
            tracing::debug!(%error, "TLS handshake failed");
            return;
        }
    };
    let is_http2 = tls::is_http2(&stream);
    let stream = Patient::new(stream, &shared.limits);
    let limits = shared.limits.clone();
    let head_timer = HeadTimer::new(stream.count(), limits.head_time, limits.idle);
    let io = TokioIo::new(stream);
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, std::convert::Infallible>(shared.answer(request).await) }
    });
    if is_http2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.streams)
            .max_pending_accept_reset_streams(limits.pending_resets)
            .max_local_error_reset_streams(limits.local_resets)
            .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING);
        let mut served = pin!(builder.serve_connection(io, service));
        tokio::select! {
            _ = served.as_mut() => return,
            () = stop.draining() => served.as_mut().graceful_shutdown(),
        }
        finish(served, stop).await;
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(head_timer)
            .header_read_timeout(limits.head_time)
            .max_headers(limits.headers)
            .max_header_size(limits.head_bytes + limits.uri_bytes)
            .max_buf_size(limits.head_bytes + READ_AHEAD);
        let mut served = pin!(builder.serve_connection(io, service));
        tokio::select! {
            _ = served.as_mut() => return,
            () = stop.draining() => served.as_mut().graceful_shutdown(),
        }
        finish(served, stop).await;
    }
}

/// Lets a connection end, until everything is cut.
async fn finish<E>(served: impl Future<Output = Result<(), E>>, mut stop: Stop) {
    tokio::select! {
        _ = served => {}
        () = stop.ended() => {}
    }
}
