//! What the surfaces are made of, and every limit on what clients send.

use std::time::Duration;

use wharf_control::App;

use crate::throttle::Throttling;

/// What an [`crate::Api`] is made of.
pub struct ApiSettings {
    /// The use cases.
    pub app: App,
    /// How clients reach the server: `https://HOST:PORT`, no trailing slash.
    pub public_url: String,
    /// Limits on what clients send.
    pub limits: Limits,
    /// How fast the calls of one principal may come; as fast as they like without.
    pub throttling: Option<Throttling>,
}

/// Limits on what strangers send and on how long they may take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; a further one is closed without an answer.
    pub connections: usize,
    /// Connections at once from one address. Many scripts of one machine share one.
    pub connections_per_address: usize,
    /// Time to finish the TLS handshake.
    pub handshake: Duration,
    /// Time to send the head of a request; the first of a connection counts from its
    /// start, the others from their first byte.
    pub head_time: Duration,
    /// How long a connection may idle after a request. Longer than clients with a pool
    /// leave between two requests of one script, or they meet the end of a connection
    /// just when they use it again.
    pub idle: Duration,
    /// Header fields of one request.
    pub headers: usize,
    /// Bytes of one header field, name and value.
    pub header_bytes: usize,
    /// Bytes of all header fields together.
    pub head_bytes: usize,
    /// Bytes of path and query.
    pub uri_bytes: usize,
    /// Bytes of a body, uploads of blobs aside.
    pub body_bytes: u64,
    /// Bytes of one resource that is put: a kubeconfig of 1 MiB fits, with its line
    /// breaks escaped.
    pub resource_bytes: u64,
    /// Over this time a body must bring [`Limits::body_rate`] on average.
    pub body_window: Duration,
    /// Bytes a second that a body must bring.
    pub body_rate: u64,
    /// Bytes of a refused body that are still read, so that a client which sends
    /// before it reads gets to see the refusal.
    pub skipped_bytes: u64,
    /// How deep the JSON of a body may nest.
    pub json_depth: usize,
    /// How long a client may take nothing of an answer that waits for it.
    pub write_stall: Duration,
    /// Streams at once on one HTTP/2 connection.
    pub streams: u32,
    /// HTTP/2 streams that a client opened and reset before they were accepted.
    pub pending_resets: usize,
    /// HTTP/2 streams that the server itself reset because of bad frames.
    pub local_resets: usize,
    /// How long requests in flight may take once the server is stopped.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1_000,
            connections_per_address: 500,
            handshake: Duration::from_secs(10),
            head_time: Duration::from_secs(10),
            idle: Duration::from_secs(120),
            headers: 100,
            header_bytes: 16 * 1024,
            head_bytes: 64 * 1024,
            uri_bytes: 8 * 1024,
            body_bytes: 4 * 1024 * 1024,
            resource_bytes: 2 * 1024 * 1024,
            body_window: Duration::from_secs(30),
            body_rate: 1024,
            skipped_bytes: 128 * 1024 * 1024,
            json_depth: 64,
            write_stall: Duration::from_secs(30),
            streams: 100,
            pending_resets: 20,
            local_resets: 1_024,
            drain: Duration::from_secs(10),
        }
    }
}
