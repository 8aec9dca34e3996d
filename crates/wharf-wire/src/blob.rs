//! Blob storage: the part of Azure's dialect that block blobs need.

use std::fmt::Write as _;

use jiff::Timestamp;
use quick_xml::{Reader, escape::escape, events::Event};

/// The storage version that is spoken: that of the SDK's uploader.
pub const VERSION: &str = "2021-08-06";
/// Most blocks of one list (Azure's own limit).
const MOST_BLOCKS: usize = 50_000;
/// Longest block id in base64: 64 bytes before it.
const LONGEST_ID: usize = 88;

/// Where a block of a list is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockKind {
    /// Among uncommitted blocks first, then among committed ones.
    Latest,
    /// Among uncommitted blocks.
    Uncommitted,
    /// Among committed blocks.
    Committed,
}

/// The body of `comp=blocklist`, in order.
///
/// # Errors
/// What is wrong with the XML.
pub fn read_block_list(body: &[u8]) -> Result<Vec<(BlockKind, String)>, String> {
    let malformed = |error: &dyn std::fmt::Display| format!("is no block list in XML: {error}");
    let text = std::str::from_utf8(body).map_err(|error| malformed(&error))?;
    let mut reader = Reader::from_str(text);
    let mut blocks = Vec::new();
    let mut depth = 0u32;
    let mut open: Option<(BlockKind, String)> = None;
    let mut is_closed = false;
    loop {
        match reader.read_event().map_err(|error| malformed(&error))? {
            Event::Start(tag) if depth == 0 && !is_closed => {
                if tag.local_name().as_ref() != "BlockList" {
                    return Err("must have the root element BlockList".to_owned());
                }
                depth = 1;
            }
            Event::Start(tag) if depth == 1 => {
                let kind = match tag.local_name().as_ref() {
                    "Latest" => BlockKind::Latest,
                    "Uncommitted" => BlockKind::Uncommitted,
                    "Committed" => BlockKind::Committed,
                    _ => {
                        return Err(
                            "may hold the elements Latest, Uncommitted and Committed alone"
                                .to_owned(),
                        );
                    }
                };
                open = Some((kind, String::new()));
                depth = 2;
            }
            Event::Text(text) => match &mut open {
                Some((_, id)) if id.len() + text.len() <= LONGEST_ID => id.push_str(&text),
                Some(_) => return Err("holds a block id that is too long".to_owned()),
                None if text.trim().is_empty() => {}
                None => return Err("has text between its elements".to_owned()),
            },
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                is_closed = depth == 0;
                if let Some((kind, id)) = open.take() {
                    blocks.push((kind, id.trim().to_owned()));
                    if blocks.len() > MOST_BLOCKS {
                        return Err(format!("has more than {MOST_BLOCKS} blocks"));
                    }
                }
            }
            Event::Empty(tag) if depth == 0 && tag.local_name().as_ref() == "BlockList" => {
                is_closed = true;
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof if is_closed => return Ok(blocks),
            Event::Eof => return Err("ends before its root element does".to_owned()),
            _ => return Err("has something that no block list has".to_owned()),
        }
    }
}

/// The part of a blob that is asked for: first byte, and last one where given.
pub type Range = (u64, Option<u64>);

/// Reads `bytes=FIRST-LAST` or `bytes=FIRST-`; `None` for forms that a server may
/// ignore (several parts, other units), which then answers the whole.
///
/// # Errors
/// A range whose end lies before its beginning.
pub fn read_range(header: &str) -> Result<Option<Range>, String> {
    let Some((first, last)) = header
        .trim()
        .strip_prefix("bytes=")
        .and_then(|range| range.split_once('-'))
    else {
        return Ok(None);
    };
    let Ok(first) = first.trim().parse::<u64>() else {
        return Ok(None);
    };
    if last.trim().is_empty() {
        return Ok(Some((first, None)));
    }
    match last.trim().parse::<u64>() {
        Ok(last) if last >= first => Ok(Some((first, Some(last)))),
        Ok(last) => Err(format!("ends at {last}, before its beginning, {first}")),
        Err(_) => Ok(None),
    }
}

/// A time as HTTP prints it.
pub fn http_date(time: Timestamp) -> String {
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// An error body.
pub fn error_body(code: &str, message: &str, request_id: &str) -> String {
    let mut body = String::from("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error>");
    // Writing to a String cannot fail.
    let _ = write!(
        body,
        "<Code>{}</Code><Message>{}\nRequestId:{}</Message></Error>",
        escape(code),
        escape(message),
        escape(request_id)
    );
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_uploaders_block_list_is_read() {
        let body = b"<?xml version='1.0' encoding='utf-8'?>\n<BlockList><Latest>MDAw</Latest>\
            <Uncommitted>MDAx</Uncommitted><Committed>MDAy</Committed></BlockList>";
        assert_eq!(
            read_block_list(body).expect("good"),
            [
                (BlockKind::Latest, "MDAw".to_owned()),
                (BlockKind::Uncommitted, "MDAx".to_owned()),
                (BlockKind::Committed, "MDAy".to_owned()),
            ]
        );
        assert_eq!(read_block_list(b"<BlockList />"), Ok(Vec::new()));
        assert_eq!(read_block_list(b"<BlockList></BlockList>"), Ok(Vec::new()));
    }

    #[test]
    fn other_bodies_are_refused() {
        for body in [
            "",
            "{}",
            "<Blocks/>",
            "<BlockList><Latest>a</Latest>",
            "<BlockList><Newest>a</Newest></BlockList>",
            "<BlockList>text</BlockList>",
            "<BlockList><Latest><b>a</b></Latest></BlockList>",
            "<!DOCTYPE x [<!ENTITY a \"aaaa\">]><BlockList><Latest>&a;</Latest></BlockList>",
            "<BlockList></BlockList><BlockList></BlockList>",
            "<BlockList><Latest>a</Uncommitted></BlockList>",
        ] {
            assert!(read_block_list(body.as_bytes()).is_err(), "{body}");
        }
        let long = format!("<BlockList><Latest>{}</Latest></BlockList>", "a".repeat(89));
        assert!(read_block_list(long.as_bytes()).is_err());
    }

    #[test]
    fn ranges() {
        assert_eq!(read_range("bytes=0-9"), Ok(Some((0, Some(9)))));
        assert_eq!(read_range("bytes=5-"), Ok(Some((5, None))));
        for ignored in ["bytes=-5", "bytes=0-1,3-4", "items=0-1", "", "bytes=x-1"] {
            assert_eq!(read_range(ignored), Ok(None), "{ignored}");
        }
        assert!(read_range("bytes=9-1").is_err());
    }

    #[test]
    fn errors_escape_what_they_quote() {
        let body = error_body("BlobNotFound", "`<a>&b` is not there", "id");
        assert!(body.contains("`&lt;a&gt;&amp;b` is not there"));
    }

    #[test]
    fn dates_are_those_of_http() {
        assert_eq!(
            http_date(Timestamp::UNIX_EPOCH),
            "Thu, 01 Jan 1970 00:00:00 GMT"
        );
    }

    proptest! {
        #[test]
        fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_block_list(&body);
        }

        #[test]
        fn no_xml_panics(parts in proptest::collection::vec(
            "(<BlockList>|</BlockList>|<Latest>|</Latest>|<Latest/>|a|&amp;|&#0;|<!--x-->|<\\?x\\?>)", 0..12,
        )) {
            let _ = read_block_list(parts.concat().as_bytes());
        }

        #[test]
        fn no_range_panics(range in ".{0,30}") {
            let _ = read_range(&range);
        }
    }
}
