//! What a router may be given: every limit on what clients send, in one place.

use std::time::Duration;

/// Limits on what strangers send and on how long they may take. The defaults are
/// the published ones; tests use smaller ones.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; a further one is closed without an answer.
    pub connections: usize,
    /// Connections at once from one address.
    pub connections_per_address: usize,
    /// Time to finish the TLS handshake.
    pub handshake: Duration,
    /// Time to send the head of a request; the first of a connection counts from its
    /// start, the others from their first byte.
    pub head_time: Duration,
    /// How long an HTTP/1 connection may idle after a request. One of HTTP/2 stays for
    /// as long as its client answers pings.
    pub idle: Duration,
    /// Header fields of one request.
    pub headers: usize,
    /// Bytes of one header field, name and value.
    pub header_bytes: usize,
    /// Bytes of all header fields together.
    pub head_bytes: usize,
    /// Bytes of path and query.
    pub uri_bytes: usize,
    /// Bytes of a body. Azure documents 100 MB for a scoring request.
    pub body_bytes: u64,
    /// Bodies up to this size are read before a replica's slot is taken.
    pub buffered_body_bytes: usize,
    /// Memory for such bodies, over all requests.
    pub buffered_total_bytes: usize,
    /// Over this time a body must bring [`Limits::body_rate`] on average. Only
    /// the time in which the router waits for the client counts.
    pub body_window: Duration,
    /// Bytes a second that a body must bring.
    pub body_rate: u64,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_stall: Duration,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
    /// HTTP/2 streams that a client opened and reset before they were accepted.
    pub pending_resets: usize,
    /// HTTP/2 streams that the router itself reset because of bad frames.
    pub local_resets: usize,
    /// How long a closed connection is still read, so that a client that is
    /// sending gets to see the answer.
    pub linger: Duration,
    /// How long requests in flight may take once the router is stopped.
    pub drain: Duration,
    /// Fewest requests that may wait for a replica of one workload.
    pub queue_floor: usize,
    /// Requests that may wait, as a multiple of what all replicas work on at
    /// once. The greater of both numbers counts.
    pub queue_factor: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            connections_per_address: 1_000,
            handshake: Duration::from_secs(10),
            head_time: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            headers: 100,
            header_bytes: 16 * 1024,
            head_bytes: 64 * 1024,
            uri_bytes: 8 * 1024,
            body_bytes: 100 * 1024 * 1024,
            buffered_body_bytes: 1024 * 1024,
            buffered_total_bytes: 256 * 1024 * 1024,
            body_window: Duration::from_secs(30),
            body_rate: 1024,
            write_stall: Duration::from_secs(30),
            streams: 100,
            pending_resets: 20,
            local_resets: 1024,
            linger: Duration::from_secs(15),
            drain: Duration::from_secs(30),
            queue_floor: 100,
            queue_factor: 2,
        }
    }
}
