//! The record of who did what: one entry per write and per call that was denied.
//!
//! An entry names things and never repeats what a client sent: no body, no query, no
//! header but the name of its program.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::access::Scope;

/// Most characters that are kept of the name of a client's program.
pub const LONGEST_AGENT: usize = 200;

/// One entry; its members are those of a line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Names the entry.
    pub id: Uuid,
    /// When the call had ended.
    pub time: Timestamp,
    /// The id that the answer carries, and the server's log.
    pub request: String,
    /// The id that a client chose for all calls of one thing.
    pub correlation: String,
    /// Who, by object id; none without a token that is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<Uuid>,
    /// Who, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What, as roles name it.
    pub action: String,
    /// To what: a resource's id.
    pub resource: String,
    /// The method of HTTP.
    pub method: String,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// With which program, as it calls itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub agent: String,
    /// How it ended, as a status of HTTP.
    pub status: u16,
    /// The word of a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Denied calls without a good token before this entry of which none was written,
    /// because they came too quickly.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out a reference"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Which entries are wanted; what is not given does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// From here on.
    pub from: Option<Timestamp>,
    /// Up to here.
    pub to: Option<Timestamp>,
    /// The resource, and what lies in it.
    pub within: Option<Scope>,
    /// Object id or name of who did it.
    pub caller: Option<String>,
    /// The correlation id.
    pub correlation: Option<String>,
    /// Whether it went well.
    pub succeeded: Option<bool>,
}

impl AuditEntry {
    /// Where it happened, in canonical form.
    pub fn scope(&self) -> Scope {
        Scope::of_segments(self.resource.split('/').filter(|part| !part.is_empty()))
    }

    /// Whether the call did what it was to do.
    pub fn succeeded(&self) -> bool {
        self.status < 400
    }
}

impl AuditFilter {
    /// Whether the entry is wanted.
    pub fn wants(&self, entry: &AuditEntry) -> bool {
        let is_caller = |wanted: &String| {
            let by_name = entry.name.as_ref();
            by_name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
                || entry.principal.is_some_and(|id| wanted.parse() == Ok(id))
        };
        self.from.is_none_or(|from| entry.time >= from)
            && self.to.is_none_or(|to| entry.time <= to)
            && self.caller.as_ref().is_none_or(is_caller)
            && self
                .correlation
                .as_ref()
                .is_none_or(|id| *id == entry.correlation)
            && self.succeeded.is_none_or(|it| it == entry.succeeded())
            && self
                .within
                .as_ref()
                .is_none_or(|place| place.contains(&entry.scope()))
    }
}
