//! The activity log: what `az monitor activity-log list` reads
//! (<https://learn.microsoft.com/rest/api/monitor/activity-logs/list>).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use wharf_core::{
    access::Scope,
    audit::{AuditEntry, AuditFilter},
    finding::Finding,
    quote::Quoted,
    resource_id::ResourceId,
};

/// A word, and what people read of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Word {
    /// For programs.
    pub value: String,
    /// For people.
    pub localized_value: String,
}

impl Word {
    fn new(value: impl Into<String>) -> Self {
        let value = value.into();
        Self {
            localized_value: value.clone(),
            value,
        }
    }
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Its path, below the resource.
    pub id: String,
    /// Its id.
    pub event_data_id: String,
    /// What was decided on.
    pub authorization: Authorization,
    /// Who, by name; by object id where there is none.
    pub caller: String,
    /// `Operation`.
    pub channels: String,
    /// Who, in the words of a token.
    pub claims: Claims,
    /// Ties calls together.
    pub correlation_id: String,
    /// The request's own id.
    pub operation_id: String,
    /// `EndRequest`.
    pub event_name: Word,
    /// `Administrative`.
    pub category: Word,
    /// From where, and with what.
    pub http_request: HttpRequest,
    /// `Informational` or `Error`.
    pub level: String,
    /// The resource group, if it is in one.
    pub resource_group_name: String,
    /// The provider.
    pub resource_provider_name: Word,
    /// The resource.
    pub resource_id: String,
    /// Its type.
    pub resource_type: Word,
    /// The action.
    pub operation_name: Word,
    /// What else is known.
    pub properties: Properties,
    /// `Succeeded` or `Failed`.
    pub status: Word,
    /// The status of HTTP.
    pub sub_status: Word,
    /// When.
    pub event_timestamp: String,
    /// When it could be read.
    pub submission_timestamp: String,
    /// The subscription.
    pub subscription_id: String,
    /// The tenant.
    pub tenant_id: String,
}

/// What was decided on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authorization {
    /// The action.
    pub action: String,
    /// The resource.
    pub scope: String,
}

/// Who, in the words of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The name.
    pub name: String,
    /// The object id.
    #[serde(rename = "http://schemas.microsoft.com/identity/claims/objectidentifier")]
    pub object_id: String,
}

/// From where, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpRequest {
    /// The request's id.
    pub client_request_id: String,
    /// The client's address.
    pub client_ip_address: String,
    /// The method.
    pub method: String,
}

/// What else is known. Azure has free texts here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Properties {
    /// The status of HTTP.
    pub status_code: String,
    /// The word of a refusal.
    pub error_code: String,
    /// The client's program.
    pub user_agent: String,
    /// The resource.
    pub entity: String,
    /// Denied calls before this one that were not written.
    pub omitted: String,
}

impl Event {
    /// An entry as an event.
    pub fn new(entry: &AuditEntry, tenant: Uuid) -> Self {
        let id = entry.resource.parse::<ResourceId>().ok();
        let segments = entry.resource.split('/').filter(|part| !part.is_empty());
        let segments: Vec<_> = segments.collect();
        let segment = |name: &str, at: usize| match segments.get(at - 1) {
            Some(word) if word.eq_ignore_ascii_case(name) => segments.get(at).copied(),
            _ => None,
        };
        let (provider, _) = entry.action.split_once('/').unwrap_or_default();
        let resource_type = entry.action.rsplit_once('/').map_or("", |(kind, _)| kind);
        let resource_type = resource_type.trim_end_matches("/action");
        let object_id = entry.principal.map(|id| id.to_string()).unwrap_or_default();
        let name = entry.name.clone().unwrap_or_default();
        let status = match entry.succeeded() {
            true => "Succeeded",
            false => "Failed",
        };
        let level = match entry.succeeded() {
            true => "Informational",
            false => "Error",
        };
        Self {
            id: format!(
                "{}/events/{}/ticks/{}",
                entry.resource.trim_end_matches('/'),
                entry.id,
                entry.time.as_microsecond()
            ),
            event_data_id: entry.id.to_string(),
            authorization: Authorization {
                action: entry.action.clone(),
                scope: entry.resource.clone(),
            },
            caller: if name.is_empty() {
                object_id.clone()
            } else {
                name.clone()
            },
            channels: "Operation".to_owned(),
            claims: Claims { name, object_id },
            correlation_id: entry.correlation.clone(),
            operation_id: entry.request.clone(),
            event_name: Word::new("EndRequest"),
            category: Word::new("Administrative"),
            http_request: HttpRequest {
                client_request_id: entry.request.clone(),
                client_ip_address: entry.address.map(|it| it.to_string()).unwrap_or_default(),
                method: entry.method.clone(),
            },
            level: level.to_owned(),
            resource_group_name: segment("resourceGroups", 3).unwrap_or_default().to_owned(),
            resource_provider_name: Word::new(provider),
            resource_id: entry.resource.clone(),
            resource_type: Word::new(id.map_or(resource_type.to_owned(), |id| id.resource_type())),
            operation_name: Word::new(&entry.action),
            properties: Properties {
                status_code: entry.status.to_string(),
                error_code: entry.code.clone().unwrap_or_default(),
                user_agent: entry.agent.clone(),
                entity: entry.resource.clone(),
                omitted: entry.omitted.to_string(),
            },
            status: Word::new(status),
            sub_status: Word::new(entry.status.to_string()),
            event_timestamp: entry.time.to_string(),
            submission_timestamp: entry.time.to_string(),
            subscription_id: segment("subscriptions", 1).unwrap_or_default().to_owned(),
            tenant_id: tenant.to_string(),
        }
    }
}

const KNOWN: &str = "can be `eventTimestamp ge 'TIME'`, `eventTimestamp le 'TIME'`, and \
     `resourceGroupName`, `resourceUri`, `caller`, `correlationId` or `status` with `eq 'VALUE'`, \
     joined by `and`";

/// Reads `$filter` of a list in the subscription.
///
/// # Errors
/// A finding that says what can be asked for.
pub fn read_filter(text: &str, subscription: &str) -> Result<AuditFilter, Finding> {
    let unknown = |clause: &str| Finding::new("$filter", format!("{} {KNOWN}", Quoted(clause)));
    let mut filter = AuditFilter::default();
    let lower = text.to_ascii_lowercase();
    let mut start = 0;
    let mut clauses = Vec::new();
    for (at, word) in lower.match_indices(" and ") {
        clauses.push(&text[start..at]);
        start = at + word.len();
    }
    clauses.push(&text[start..]);
    for clause in clauses
        .into_iter()
        .map(str::trim)
        .filter(|it| !it.is_empty())
    {
        let mut words = clause.splitn(3, ' ');
        let (Some(name), Some(verb), Some(value)) = (words.next(), words.next(), words.next())
        else {
            return Err(unknown(clause));
        };
        let value = value.trim();
        let value = value
            .strip_prefix('\'')
            .and_then(|it| it.strip_suffix('\''));
        let value = value.ok_or_else(|| unknown(clause))?;
        let place = |path: &str| path.parse::<Scope>().map_err(|_| unknown(clause));
        match (
            name.to_ascii_lowercase().as_str(),
            verb.to_ascii_lowercase().as_str(),
        ) {
            ("eventtimestamp", "ge") => {
                filter.from = Some(time(value).ok_or_else(|| unknown(clause))?);
            }
            ("eventtimestamp", "le") => {
                filter.to = Some(time(value).ok_or_else(|| unknown(clause))?);
            }
            ("resourcegroupname", "eq") => {
                let group = format!("/subscriptions/{subscription}/resourceGroups/{value}");
                filter.within = Some(place(&group)?);
            }
            ("resourceuri" | "resourceid", "eq") => filter.within = Some(place(value)?),
            ("caller", "eq") => filter.caller = Some(value.to_owned()),
            ("correlationid", "eq") => filter.correlation = Some(value.to_owned()),
            ("status", "eq") if value.eq_ignore_ascii_case("Succeeded") => {
                filter.succeeded = Some(true);
            }
            ("status", "eq") if value.eq_ignore_ascii_case("Failed") => {
                filter.succeeded = Some(false);
            }
            // There is one channel.
            ("eventchannels", "eq") => {}
            _ => return Err(unknown(clause)),
        }
    }
    Ok(filter)
}

/// Clients leave the `Z` out.
fn time(text: &str) -> Option<Timestamp> {
    text.parse()
        .ok()
        .or_else(|| format!("{text}Z").parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBSCRIPTION: &str = "00000000-0000-4000-8000-000000000001";

    #[test]
    fn a_filter_of_azs_is_understood() {
        let text = "eventTimestamp ge '2026-01-01T00:00:00Z' and eventTimestamp le \
                    '2026-01-02T00:00:00.5' and eventChannels eq 'Admin, Operation' AND \
                    resourceGroupName eq 'Wharf' and caller eq 'ci' and status eq 'failed'";
        let filter = read_filter(text, SUBSCRIPTION).expect("a filter");
        assert_eq!(filter.caller.as_deref(), Some("ci"));
        assert_eq!(filter.succeeded, Some(false));
        assert!(filter.from < filter.to);
        let within = filter.within.expect("a place");
        assert!(
            within.as_str().ends_with("/resourcegroups/wharf"),
            "{within}"
        );
        assert_eq!(read_filter("", SUBSCRIPTION), Ok(AuditFilter::default()));
    }

    #[test]
    fn what_is_not_a_filter_is_refused() {
        for text in [
            "caller",
            "caller eq ci",
            "caller ne 'ci'",
            "eventTimestamp ge 'yesterday'",
            "resourceUri eq 'x'",
            "resourceGroupName eq '../x'",
            "caller eq 'a' or caller eq 'b'x",
            "é and é",
        ] {
            assert!(read_filter(text, SUBSCRIPTION).is_err(), "{text}");
        }
    }
}
