//! What goes between the scorer and a Python worker.
//!
//! One frame is: kind (1 byte), length of the header (4 bytes, big endian), length
//! of the body (4 bytes, big endian), number (8 bytes, big endian), header (JSON),
//! body (bytes). The scorer numbers what it asks, and the worker's frames bear the
//! number of what they answer. Kinds:
//!
//! | kind | from | header | body |
//! |---|---|---|---|
//! | `C` configure | scorer | [`Configure`](crate::worker::Configure) | - |
//! | `I` init done | worker | `{"raw": bool}` | JSON: version -> swagger document |
//! | `F` failed | worker | `{"message": text}` | - |
//! | `R` request | scorer | method, path, query, headers | the request's body |
//! | `A` answer | worker | status, headers, … | the answer's body |
//! | `S` streamed answer | worker | status, headers, … | - |
//! | `D` data of a stream | worker | `{}` | a piece of the answer's body |
//! | `E` end of a stream | worker | `{}` | - |
//! | `X` a stream is cut | worker | `{}` | - |
//!
//! A worker runs a stranger's code, so its frames are bounded. A frame that is not as
//! described, or that answers what was not asked, ends the worker and reaches nobody.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

/// Largest header that a worker may send, in bytes.
pub(crate) const LARGEST_HEADER: usize = 64 << 10;
/// Largest body that a worker may send, in bytes.
pub(crate) const LARGEST_BODY: usize = 256 << 20;

/// One message.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    /// What it answers.
    pub(crate) number: u64,
    pub(crate) header: Vec<u8>,
    pub(crate) body: Bytes,
}

/// Writes one frame.
pub(crate) async fn write(
    to: &mut (impl AsyncWrite + Unpin),
    kind: u8,
    number: u64,
    header: &[u8],
    body: &[u8],
) -> io::Result<()> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "the frame is too long");
    let header_length = u32::try_from(header.len()).map_err(too_long)?;
    let body_length = u32::try_from(body.len()).map_err(too_long)?;
    let mut start = Vec::with_capacity(17 + header.len());
    start.push(kind);
    start.extend_from_slice(&header_length.to_be_bytes());
    start.extend_from_slice(&body_length.to_be_bytes());
    start.extend_from_slice(&number.to_be_bytes());
    start.extend_from_slice(header);
    to.write_all(&start).await?;
    to.write_all(body).await
}

/// Reads one frame. An end before it is `UnexpectedEof`.
pub(crate) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Frame> {
    let kind = from.read_u8().await?;
    let header_length = from.read_u32().await? as usize;
    let body_length = from.read_u32().await? as usize;
    if header_length > LARGEST_HEADER || body_length > LARGEST_BODY {
        let reason = format!("a frame of {header_length} and {body_length} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let number = from.read_u64().await?;
    let mut header = vec![0; header_length];
    from.read_exact(&mut header).await?;
    // Memory is taken as bytes come, not as they are promised.
    let mut body = Vec::with_capacity(body_length.min(1 << 20));
    let got = from.take(body_length as u64).read_to_end(&mut body).await?;
    if got < body_length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(Frame {
        kind,
        number,
        header,
        body: body.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn carries_what_was_written_and_refuses_what_is_too_long() {
        let mut wire = Vec::new();
        write(&mut wire, b'R', 1 << 40, b"{}", b"body")
            .await
            .expect("written");
        let frame = read(&mut wire.as_slice()).await.expect("read");
        assert_eq!(
            (frame.kind, frame.header.as_slice(), &*frame.body),
            (b'R', b"{}".as_slice(), b"body".as_slice())
        );
        assert_eq!(frame.number, 1 << 40);

        let cut = &wire[..wire.len() - 1];
        let error = read(&mut &*cut).await.expect_err("cut");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);

        for hostile in [b"A\xff\xff\xff\xff\0\0\0\0", b"A\0\0\0\0\xff\xff\xff\xff"] {
            let error = read(&mut hostile.as_slice()).await.expect_err("hostile");
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
