//! The life of a scorer: listen, start the workers, answer, drain, end.

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, UnixListener},
    signal::unix::{SignalKind, signal},
    sync::Semaphore,
};

use crate::{
    config::{Listen, ReplicaConfig},
    cors::Cors,
    environment,
    error::ScorerError,
    log::ReplicaLog,
    pool::Pool,
    route::Routes,
    state::{Phase, StateFile},
    worker::Plan,
};

/// How long a connection may be idle, or its headers take. Longer than the 90 s
/// after which HTTP clients usually drop idle connections, so that none is reused
/// just when we close it.
const HEADERS: Duration = Duration::from_secs(120);
/// Bytes of headers that are read before the client is refused.
const HEADER_BYTES: usize = 64 << 10;
/// Connections at once; the router needs a few.
const MOST_CONNECTIONS: usize = 512;
/// Requests beyond the running ones whose bodies may wait in memory.
const WAITING: usize = 8;

/// Runs a replica until SIGTERM or SIGINT.
///
/// # Errors
/// [`ScorerError::Failed`] when the script cannot be loaded or its workers keep
/// dying; the others when the scorer itself cannot work. The process should end
/// with [`ScorerError::exit_code`].
pub async fn run(config_path: &Path) -> Result<(), ScorerError> {
    let wrong = |source| ScorerError::io("signals", source);
    let mut terminate = signal(SignalKind::terminate()).map_err(wrong)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(wrong)?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    };
    run_until(config_path, stop).await
}

/// Runs a replica until `stop` is done, then drains it.
///
/// # Errors
/// As [`run`].
pub async fn run_until(
    config_path: &Path,
    stop: impl Future<Output = ()>,
) -> Result<(), ScorerError> {
    let config = ReplicaConfig::read(config_path)?;
    let log = ReplicaLog::open(&config.log_file, config.log_max_bytes, config.log_keep)
        .map_err(|error| ScorerError::io(format!("log {}", config.log_file.display()), error))?;
    for notice in &config.notices {
        log.info(notice);
    }
    let (listener, address) = Listener::bind(&config.listen).await?;
    let state = Arc::new(StateFile::new(config.state_file.clone(), address));
    state.set(Phase::Starting, None)?;

    let private = config.state_file.with_extension("run");
    let installed = environment::install(&private);
    let (library, home) = installed
        .map_err(|error| ScorerError::io(format!("folder {}", private.display()), error))?;
    let drain = config.drain();
    let cors = Cors::new(config.environment_variables.get("AML_CORS_ORIGINS"));
    let routes = (config.max_body_bytes, config.workers as usize + WAITING);
    let plan = Plan {
        config,
        library,
        home,
        log: log.clone(),
    };
    let (pool, mut failures, slots) = Pool::start(plan, Arc::clone(&state));
    let routes = Arc::new(Routes {
        pool,
        cors,
        log: log.clone(),
        max_body_bytes: routes.0,
        admission: Semaphore::new(routes.1),
    });

    tokio::pin!(stop);
    let connections = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let failure = loop {
        tokio::select! {
            () = &mut stop => break None,
            Some(message) = failures.recv() => break Some(message),
            () = listener.accept(&connections, &routes, &room) => (),
        }
    };
    listener.close();
    let result = match failure {
        Some(message) => {
            state.set(Phase::Failed, Some(&message))?;
            log.error(&format!("the replica failed: {message}"));
            Err(ScorerError::Failed { message })
        }
        None => {
            log.info("stopping: running requests are finished, new ones are refused");
            let finished = tokio::time::timeout(drain, connections.shutdown()).await;
            if finished.is_err() {
                log.error("requests that ran too long were ended");
            }
            Ok(())
        }
    };
    slots.end().await;
    let _ = std::fs::remove_dir_all(&private);
    log.info("stopped");
    result
}

enum Listener {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener),
}

impl Listener {
    /// Listens; the address is the one of a TCP socket.
    async fn bind(listen: &Listen) -> Result<(Self, Option<String>), ScorerError> {
        match listen {
            Listen::Unix(path) => {
                let wrong = |source| ScorerError::io(format!("socket {}", path.display()), source);
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(wrong(error));
                    }
                    _ => {}
                }
                let listener = UnixListener::bind(path).map_err(wrong)?;
                // Its folder is private already; this is a second lock.
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
                std::fs::set_permissions(path, mode).map_err(wrong)?;
                Ok((Self::Unix(listener, path.clone()), None))
            }
            Listen::Tcp(address) => {
                let wrong = |source| ScorerError::io(format!("address {address}"), source);
                let listener = TcpListener::bind(address).await.map_err(wrong)?;
                let address = listener.local_addr().map_err(wrong)?.to_string();
                Ok((Self::Tcp(listener), Some(address)))
            }
        }
    }

    /// Takes one connection, when there is room for it.
    async fn accept(
        &self,
        connections: &GracefulShutdown,
        routes: &Arc<Routes>,
        room: &Arc<Semaphore>,
    ) {
        // Never closed.
        let Ok(permit) = Arc::clone(room).acquire_owned().await else {
            return;
        };
        let routes = Arc::clone(routes);
        let accepted = match self {
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| {
                spawn(stream, connections, routes, permit);
            }),
            Self::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                let _ = stream.set_nodelay(true);
                spawn(stream, connections, routes, permit);
            }),
        };
        if let Err(error) = accepted {
            // Out of descriptors, most likely: others must close theirs first.
            tracing::warn!(%error, "cannot accept");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn close(self) {
        if let Self::Unix(_, path) = &self {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn spawn(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    connections: &GracefulShutdown,
    routes: Arc<Routes>,
    permit: tokio::sync::OwnedSemaphorePermit,
) {
    let service = service_fn(move |request| {
        let routes = Arc::clone(&routes);
        // A request goes on in a task of its own, so that the worker is not left
        // with half a frame when the client goes away.
        async move {
            let task = tokio::spawn(async move { routes.answer(request).await });
            task.await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS)
        .max_buf_size(HEADER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        // Clients go away as they like.
        let _ = connection.await;
        drop(permit);
    });
}
