//! Pages of lists: what a query asks for, and the address of the next one.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use wharf_control::Page;

use crate::{call::Call, refusal::Refusal};

/// Items of a page when the client does not say.
const DEFAULT: u32 = 200;
const TOP: &str = "$top";
const SKIP_TOKEN: &str = "$skipToken";

/// What a part of a path or a value of a query need not encode (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `text` as a part of a path or a value of a query.
pub(crate) fn encoded(text: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(text, RESERVED)
}

/// `$top` and `$skipToken` of the query.
///
/// # Errors
/// 400 for a `$top` that is no number from 1 to [`Page::MOST`].
pub(crate) fn asked(call: &Call) -> Result<Page, Refusal> {
    let limit = match call.query(TOP) {
        None => DEFAULT,
        Some(text) => {
            let number = text.parse().ok();
            let number = number.filter(|number| (1..=Page::MOST).contains(number));
            number.ok_or_else(|| {
                let most = Page::MOST;
                Refusal::field(
                    TOP,
                    format!("`{text}` must be a whole number from 1 to {most}"),
                )
            })?
        }
    };
    Ok(Page {
        after: call.query(SKIP_TOKEN).map(std::borrow::Cow::into_owned),
        limit,
    })
}

/// The address of the page that begins after `next`: the same path and query,
/// so that a read under `/rp/workspaces` goes on there.
pub(crate) fn next_link(call: &Call, next: &str) -> String {
    let mut url = format!("{}{}?", call.public_url(), call.uri().path());
    for (name, value) in call.pairs().iter() {
        if !name.eq_ignore_ascii_case(SKIP_TOKEN) {
            url.push_str(&format!("{}={}&", encoded(&name), encoded(&value)));
        }
    }
    url.push_str(&format!("{SKIP_TOKEN}={}", encoded(next)));
    url
}
