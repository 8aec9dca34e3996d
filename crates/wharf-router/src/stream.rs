//! Long answers: passed on as they come, with an end to patience on both sides.
//!
//! A task of its own reads from the replica. So a client that stops reading is
//! noticed even while nobody polls its body. The slot stays taken until the script
//! is done, also when the client has left: see [`run_out`].

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use crate::{admit::Slot, breaker::Outcome, replica::Connection, respond::AnswerBody};

/// Frames between the replica and the client.
const AHEAD: usize = 4;

/// The client's end of a long answer.
#[derive(Debug)]
pub(crate) struct Relayed {
    frames: mpsc::Receiver<io::Result<Bytes>>,
    left: Option<u64>,
}

impl Body for Relayed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let frame = std::task::ready!(self.frames.poll_recv(cx));
        if let (Some(Ok(data)), Some(left)) = (&frame, self.left) {
            self.left = Some(left.saturating_sub(data.len() as u64));
        }
        Poll::Ready(frame.map(|frame| frame.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::new, SizeHint::with_exact)
    }
}

/// How long who waits for bytes is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// The replica says nothing.
    pub(crate) silence: Duration,
    /// The client takes nothing.
    pub(crate) stall: Duration,
    /// The script goes on for nobody.
    pub(crate) abandoned: Duration,
}

/// Starts to pass on a body.
pub(crate) fn relay(
    mut body: Incoming,
    mut slot: Slot,
    connection: Connection,
    patience: Patience,
    length: Option<u64>,
) -> AnswerBody {
    let Patience {
        silence,
        stall,
        abandoned,
    } = patience;
    let (sender, frames) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        loop {
            // A client that left ends this at once, not at the next frame.
            let frame = tokio::select! {
                frame = timeout(silence, body.frame()) => frame,
                () = sender.closed() => {
                    return run_out(body, slot, connection, abandoned).await;
                }
            };
            let data = match frame {
                Ok(Some(Ok(frame))) => frame.into_data(),
                Ok(None) => {
                    slot.replica().keep(connection);
                    return;
                }
                Ok(Some(Err(_))) | Err(_) => {
                    slot.note(Outcome::Bad);
                    let gone = io::Error::new(io::ErrorKind::BrokenPipe, "the replica is gone");
                    let _ = timeout(stall, sender.send(Err(gone))).await;
                    return;
                }
            };
            let Ok(data) = data else {
                continue;
            };
            if !matches!(timeout(stall, sender.send(Ok(data))).await, Ok(Ok(()))) {
                // An end without an error would look like a whole answer.
                let slow = io::Error::new(io::ErrorKind::TimedOut, "the client does not read");
                let told = sender.send(Err(slow));
                let _ = tokio::join!(told, run_out(body, slot, connection, abandoned));
                return;
            }
        }
    });
    AnswerBody::Relayed(Relayed {
        frames,
        left: length,
    })
}

/// Reads the rest of an answer that nobody wants any more, and gives the slot back
/// when the script is done. One that does not come to its end within `patience`
/// loses its connection; the scorer then ends it within as long again.
pub(crate) async fn run_out(
    mut body: Incoming,
    slot: Slot,
    connection: Connection,
    patience: Duration,
) {
    let reading = async {
        loop {
            match body.frame().await {
                Some(Ok(_)) => {}
                Some(Err(_)) => return false,
                None => return true,
            }
        }
    };
    match timeout(patience, reading).await {
        Ok(true) => slot.replica().keep(connection),
        // The replica is gone, or what it sent makes no sense.
        Ok(false) => {}
        Err(_) => {
            drop((body, connection));
            sleep(patience).await;
        }
    }
}
