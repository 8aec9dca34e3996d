//! Asks a replica whether it is well, as a kubelet would: `GET /`.

use std::{path::Path, time::Duration};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Request, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, time::timeout};

/// Whether the replica answers 200 within `patience`.
pub(super) async fn is_well(socket: &Path, patience: Duration) -> bool {
    timeout(patience, ask(socket)).await.unwrap_or(false)
}

async fn ask(socket: &Path) -> bool {
    let Ok(stream) = UnixStream::connect(socket).await else {
        return false;
    };
    let Ok((mut sender, connection)) = http1::handshake(TokioIo::new(stream)).await else {
        return false;
    };
    let request = Request::get("/")
        .header("host", "replica")
        .header("connection", "close")
        .body(Empty::<Bytes>::new());
    let Ok(request) = request else {
        return false;
    };
    // Driven here and not by a task, so that nothing of the probe outlives it.
    let drive = async {
        let _ = connection.await;
        // The answer may have come with the end.
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = sender.send_request(request) => answer.is_ok_and(|it| it.status() == 200),
        () = drive => false,
    }
}
