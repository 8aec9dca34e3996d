//! Connections: accepted up to a limit, each served until it or the server ends.

use std::{convert::Infallible, pin::pin, sync::Arc, time::Duration};

use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use wharf_core::room::{Place, Room};
use wharf_http::{Counted, HeadTimer};

use crate::{
    activity::{Activity, Quiet},
    audit::Peer,
    dispatch::Api,
    settings::Limits,
};

/// The protocols that are offered, the preferred one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// Pause after a failed `accept`: out of file descriptors, mostly.
const BREATH: Duration = Duration::from_millis(50);
/// Between two pings of an HTTP/2 connection, and for the answer to one.
const PING: Duration = Duration::from_secs(20);
/// Most bytes read ahead of a handler on an HTTP/1 connection, beside the head.
const READ_AHEAD: usize = 64 * 1024;

impl Api {
    /// Serves until `shutdown` turns true (or its sender is gone); then accepts
    /// nothing new, lets requests in flight end for as long as
    /// [`crate::Limits::drain`] says, and cuts what is left.
    pub async fn serve(
        self,
        listener: TcpListener,
        tls: Arc<ServerConfig>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let acceptor = acceptor(tls);
        let limits = self.settings.limits.clone();
        let room = Room::new(limits.connections, limits.connections_per_address);
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                _ = shutdown.wait_for(|is_over| *is_over) => break,
            };
            match accepted {
                Ok((stream, from)) => match room.enter(from.ip()) {
                    Some(place) => {
                        let (api, shutdown) = (self.clone(), shutdown.clone());
                        connections.spawn(connection(
                            api,
                            stream,
                            acceptor.clone(),
                            shutdown,
                            place,
                        ));
                    }
                    None => tracing::warn!(
                        from = %from.ip(),
                        "a connection was refused: as many as allowed are open"
                    ),
                },
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(BREATH).await;
                }
            }
        }
        drop(listener);
        let drained = timeout(limits.drain, async {
            while connections.join_next().await.is_some() {}
        });
        if drained.await.is_err() {
            tracing::warn!(left = connections.len(), "connections were cut");
            connections.shutdown().await;
        }
    }
}

fn acceptor(config: Arc<ServerConfig>) -> TlsAcceptor {
    if !config.alpn_protocols.is_empty() {
        return TlsAcceptor::from(config);
    }
    let mut config = (*config).clone();
    config.alpn_protocols = PROTOCOLS.iter().map(|name| name.to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Shakes hands and serves; a client that leaves or errs ends it quietly.
async fn connection(
    api: Api,
    stream: TcpStream,
    acceptor: TlsAcceptor,
    mut shutdown: watch::Receiver<bool>,
    _place: Place,
) {
    let Ok(peer) = stream.peer_addr() else {
        return;
    };
    let peer = Peer(peer.ip());
    // Answers are written at once; small ones must not wait for more.
    let _ = stream.set_nodelay(true);
    let shaken = tokio::select! {
        shaken = timeout(api.settings.limits.handshake, acceptor.accept(stream)) => shaken,
        _ = shutdown.wait_for(|is_over| *is_over) => return,
    };
    match shaken {
        Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(PROTOCOLS[0]) => {
            serve_http2(api, stream, peer, shutdown).await;
        }
        Ok(Ok(stream)) => serve_http1(api, stream, peer, shutdown).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn serve_http1(
    api: Api,
    stream: TlsStream<TcpStream>,
    peer: Peer,
    mut shutdown: watch::Receiver<bool>,
) {
    let limits = &api.settings.limits;
    let stream = Counted::new(stream);
    let mut builder = http1::Builder::new();
    builder
        .timer(HeadTimer::new(
            stream.count(),
            limits.head_time,
            limits.idle,
        ))
        .header_read_timeout(limits.head_time)
        .max_headers(limits.headers)
        .max_header_size(limits.head_bytes + limits.uri_bytes)
        .max_buf_size(limits.head_bytes + limits.uri_bytes + READ_AHEAD);
    let activity = Activity::new();
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (api, activity) = (api.clone(), Arc::clone(&activity));
        async move { Ok::<_, Infallible>(activity.watch(api.answer_connection(request)).await) }
    });
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let quiet = tokio::select! {
        _ = served.as_mut() => return,
        _ = shutdown.wait_for(|is_over| *is_over) => None,
        quiet = activity.quiet(limits) => Some(quiet),
    };
    served.as_mut().graceful_shutdown();
    finish(served, quiet, limits).await;
}

async fn serve_http2(
    api: Api,
    stream: TlsStream<TcpStream>,
    peer: Peer,
    mut shutdown: watch::Receiver<bool>,
) {
    let limits = &api.settings.limits;
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams)
        .max_pending_accept_reset_streams(limits.pending_resets)
        .max_local_error_reset_streams(limits.local_resets)
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let activity = Activity::new();
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        let (api, activity) = (api.clone(), Arc::clone(&activity));
        async move { Ok::<_, Infallible>(activity.watch(api.answer_connection(request)).await) }
    });
    let mut served = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let quiet = tokio::select! {
        _ = served.as_mut() => return,
        _ = shutdown.wait_for(|is_over| *is_over) => None,
        quiet = activity.quiet(limits) => Some(quiet),
    };
    served.as_mut().graceful_shutdown();
    finish(served, quiet, limits).await;
}

/// Lets a connection end. What an idle one has not taken yet of its last answer gets
/// some time; the end of a server has a limit of its own.
async fn finish<E>(
    served: impl Future<Output = Result<(), E>>,
    quiet: Option<Quiet>,
    limits: &Limits,
) {
    match quiet {
        Some(Quiet::Stalled) => tracing::debug!("a client does not take its answer"),
        Some(Quiet::Idle) => drop(timeout(limits.write_stall, served).await),
        None => drop(served.await),
    }
}
