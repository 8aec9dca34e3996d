//! What a query asks: each name once, numbers within their limits.

use std::{ops::RangeInclusive, str::FromStr};

use wharf_control::Page;
use wharf_core::{Error, Result, limits::MOST_WANTED_LABELS, quote::Quoted};
use wharf_wire::v1::labels::{WantedLabels, wanted};

use crate::call::Call;

/// How many items a list gives when it is not asked for a number.
const USUAL_COUNT: u32 = 100;

/// The value of `name`; empty counts as not there.
pub(crate) fn one(call: &Call, name: &'static str) -> Result<Option<String>> {
    let pairs = call.pairs().iter();
    let mut found = pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    match (found.next(), found.next()) {
        (_, Some(_)) => Err(Error::invalid(name, "is in the query twice; give it once")),
        (Some((_, value)), None) if !value.is_empty() => Ok(Some(value.into_owned())),
        _ => Ok(None),
    }
}

/// A number within `allowed`.
pub(super) fn number<T>(
    call: &Call,
    name: &'static str,
    allowed: &RangeInclusive<T>,
) -> Result<Option<T>>
where
    T: FromStr + PartialOrd + std::fmt::Display,
{
    let Some(text) = one(call, name)? else {
        return Ok(None);
    };
    match text.parse::<T>() {
        Ok(number) if allowed.contains(&number) => Ok(Some(number)),
        _ => Err(Error::invalid(
            name,
            format!(
                "{} must be a whole number from {} to {}",
                Quoted(&text),
                allowed.start(),
                allowed.end()
            ),
        )),
    }
}

/// `true` or `false` in any case: Python prints `True`.
pub(super) fn flag(call: &Call, name: &'static str) -> Result<bool> {
    match one(call, name)?.as_deref() {
        None => Ok(false),
        Some(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Some(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        Some(word) => Err(Error::invalid(
            name,
            format!("{} must be true or false", Quoted(word)),
        )),
    }
}

/// A filter by labels.
pub(super) fn labels(call: &Call, name: &'static str) -> Result<WantedLabels> {
    let wanted = one(call, name)?.as_deref().map(wanted).unwrap_or_default();
    if wanted.len() > MOST_WANTED_LABELS {
        return Err(Error::invalid(
            name,
            format!(
                "asks for {} labels; at most {MOST_WANTED_LABELS} are allowed",
                wanted.len()
            ),
        ));
    }
    Ok(wanted)
}

/// The part of a list that is asked for.
pub(super) fn page(call: &Call) -> Result<Page> {
    Ok(Page {
        after: one(call, "$skipToken")?,
        limit: number(call, "count", &(1..=Page::MOST))?.unwrap_or(USUAL_COUNT),
    })
}
