//! Long answers: passed on as they come, with an end to patience on both sides.
//!
//! A task of its own reads from the replica. So a client that stops reading is
//! noticed even while nobody polls its body, and does not hold the slot for ever.

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
use tokio::{sync::mpsc, time::timeout};

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

/// Starts to pass on a body. `silence` is the replica's patience, `stall` the
/// client's.
pub(crate) fn relay(
    mut body: Incoming,
    mut slot: Slot,
    connection: Connection,
    silence: Duration,
    stall: Duration,
    length: Option<u64>,
) -> AnswerBody {
    let (sender, frames) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        loop {
            // A client that left ends this at once, not at the next frame.
            let frame = tokio::select! {
                frame = timeout(silence, body.frame()) => frame,
                () = sender.closed() => return,
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
                drop(slot);
                let _ = sender.send(Err(slow)).await;
                return;
            }
        }
    });
    AnswerBody::Relayed(Relayed {
        frames,
        left: length,
    })
}
