//! Bodies of requests: counted against a limit while they arrive, and given up
//! when they come too slowly.
//!
//! A body that nobody reads is skipped, within bounds, while its refusal is already
//! on the way: a client that is still sending would see a broken connection in place
//! of the answer, and take it for something to try again.

use std::{mem, time::Duration};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout, timeout_at};
use wharf_core::Error;

use crate::{refusal::Refusal, settings::Limits};

/// Most bytes made room for before any arrived, whatever the client announced.
const FIRST_ROOM: u64 = 64 * 1024;

pub(crate) enum Source {
    Connection(Incoming),
    Memory(Option<Bytes>),
}

/// The body of a request, not yet read.
pub(crate) struct RequestBody {
    source: Source,
    what: &'static str,
    limit: u64,
    received: u64,
    window: Duration,
    rate: u64,
    /// When the present window began, and what came in it.
    began: Option<Instant>,
    came: u64,
    is_ended: bool,
    skipped: u64,
}

impl RequestBody {
    pub(crate) fn new(source: Source, limits: &Limits) -> Self {
        Self {
            source,
            what: "the body",
            limit: limits.body_bytes,
            received: 0,
            window: limits.body_window,
            rate: limits.body_rate.max(1),
            began: None,
            came: 0,
            is_ended: false,
            skipped: limits.skipped_bytes,
        }
    }

    /// Allows another size: uploads have a limit of their own. `what` is named
    /// in the refusal.
    pub(crate) fn allow(&mut self, what: &'static str, limit: u64) {
        self.what = what;
        self.limit = limit;
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// 413 beyond the limit, 408 when the client is too slow, 400 when it broke off.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Refusal> {
        let incoming = match &mut self.source {
            Source::Memory(bytes) => {
                let bytes = bytes.take();
                return bytes.map_or(Ok(None), |bytes| self.counted(bytes).map(Some));
            }
            Source::Connection(incoming) => incoming,
        };
        let now = Instant::now();
        let mut began = *self.began.get_or_insert(now);
        if now >= began + self.window {
            // Nobody asked for more in time: that is not the client's doing.
            (began, self.came) = (now, 0);
        }
        loop {
            self.began = Some(began);
            let Ok(frame) = timeout_at(began + self.window, incoming.frame()).await else {
                // Each window counts alone: a burst buys no pause.
                if is_too_slow(self.came, self.rate, self.window) {
                    return Err(Refusal::too_slow());
                }
                (began, self.came) = (Instant::now(), 0);
                continue;
            };
            match frame {
                None => {
                    self.is_ended = true;
                    return Ok(None);
                }
                Some(Err(_)) => {
                    self.is_ended = true;
                    return Err(Refusal::broken_off());
                }
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return self.counted(bytes).map(Some);
                    }
                }
            }
        }
    }

    fn counted(&mut self, bytes: Bytes) -> Result<Bytes, Refusal> {
        self.received += bytes.len() as u64;
        self.came += bytes.len() as u64;
        if self.received > self.limit {
            return Err(self.too_large());
        }
        Ok(bytes)
    }

    fn too_large(&self) -> Refusal {
        Refusal::from(Error::TooLarge {
            what: self.what,
            limit: self.limit,
        })
    }

    /// The length that was announced, if any.
    ///
    /// # Errors
    /// 413 when it is beyond the limit.
    pub(crate) fn check_announced(&self, headers: &HeaderMap) -> Result<Option<u64>, Refusal> {
        let announced = headers
            .get(http::header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|length| length > self.limit) {
            return Err(self.too_large());
        }
        Ok(announced)
    }

    /// The whole body. A length that was announced is refused before a byte is read.
    ///
    /// # Errors
    /// As [`RequestBody::chunk`].
    pub(crate) async fn whole(&mut self, headers: &HeaderMap) -> Result<Bytes, Refusal> {
        let announced = self.check_announced(headers)?;
        let Some(first) = self.chunk().await? else {
            return Ok(Bytes::new());
        };
        if announced == Some(first.len() as u64) {
            return Ok(first);
        }
        let room = announced.unwrap_or(0).min(FIRST_ROOM);
        let mut whole =
            BytesMut::with_capacity(usize::try_from(room).unwrap_or(0).max(first.len()));
        whole.extend_from_slice(&first);
        while let Some(bytes) = self.chunk().await? {
            whole.extend_from_slice(&bytes);
        }
        Ok(whole.freeze())
    }
}

/// Whether `came` in a `window` is less than `rate` bytes a second.
fn is_too_slow(came: u64, rate: u64, window: Duration) -> bool {
    u128::from(came) * 1_000 < u128::from(rate) * window.as_millis()
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let source = mem::replace(&mut self.source, Source::Memory(None));
        let Source::Connection(rest) = source else {
            return;
        };
        let is_ended = self.is_ended || rest.is_end_stream();
        // Whoever sends that much, or is slower than that, may miss the answer.
        let is_short = rest.size_hint().lower() <= self.skipped;
        if let (false, true, Ok(runtime)) =
            (is_ended, is_short, tokio::runtime::Handle::try_current())
        {
            runtime.spawn(timeout(self.window, skip(rest, self.skipped)));
        }
    }
}

async fn skip(mut rest: Incoming, mut bytes: u64) {
    while let Some(Ok(frame)) = rest.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len) as u64;
        match bytes.checked_sub(length) {
            Some(left) => bytes = left,
            None => return,
        }
    }
}
