//! `wharf audit`: who did what, through the activity log of the ARM API.

use clap::{Args, ValueEnum};
use serde_json::Value;
use wharf_wire::{arm::activity_log::Event, page::ValueList};

use crate::{
    client::{Client, parse},
    data_dir::HomeArgs,
    error::CliError,
    output::Table,
    printer::Printer,
    session::Session,
};

const EXAMPLES: &str = "\
Examples:
  wharf audit
  wharf audit --failed --caller ci
  wharf audit --from 2026-01-01T00:00:00Z --most 100000 -o jsonl >january.jsonl";

/// Entries of one request to the server.
const PAGE: u32 = 1_000;

/// Who did what, the newest first.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct AuditArgs {
    #[command(flatten)]
    home: HomeArgs,
    /// From this time on, for example `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// In this resource group
    #[arg(long, short = 'g', value_name = "GROUP", conflicts_with = "resource")]
    resource_group: Option<String>,
    /// On this resource and what lies in it
    #[arg(long, value_name = "ID")]
    resource: Option<String>,
    /// By this principal: its name or its object id
    #[arg(long, value_name = "NAME")]
    caller: Option<String>,
    /// Only what was refused or failed
    #[arg(long)]
    failed: bool,
    /// At most so many entries
    #[arg(long, value_name = "NUMBER", default_value = "100")]
    most: usize,
    /// How entries are printed
    #[arg(long, short, value_name = "FORMAT", default_value = "table")]
    output: AuditFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AuditFormat {
    /// What matters most, for people
    Table,
    /// Everything, one object a line
    Jsonl,
}

pub(crate) async fn run(args: &AuditArgs, printer: &mut Printer<'_>) -> Result<(), CliError> {
    let session = Session::find(&args.home)?;
    let client = Client::sign_in(&session).await?;
    let subscription = match &session.subscription {
        Some(id) => id.clone(),
        None => {
            let list = client.get("/subscriptions").await?;
            let first = list["value"][0]["subscriptionId"]
                .as_str()
                .map(str::to_owned);
            first.ok_or_else(|| CliError::failed("you have no subscription on this server"))?
        }
    };
    let path = format!(
        "/subscriptions/{subscription}/providers/Microsoft.Insights/eventtypes/management/values"
    );
    let mut query = vec![
        ("$filter", filter(args)?),
        ("$top", PAGE.min(bounded(args.most)).to_string()),
    ];
    let mut left = args.most;
    let mut rows = Table::new(&["Time", "Caller", "Action", "Resource", "Status", "Address"]);
    while left > 0 {
        let page: ValueList<Value> = parse(client.get_with(&path, &query).await?, &path)?;
        for event in page.value.into_iter().take(left) {
            left -= 1;
            match args.output {
                AuditFormat::Jsonl => printer.data(&format!("{event}\n"))?,
                AuditFormat::Table => rows.row(cells(parse(event, &path)?)),
            }
        }
        let Some(token) = page.next_link.as_deref().and_then(skip_token) else {
            break;
        };
        query.retain(|(name, _)| *name != "$skipToken");
        query.push(("$skipToken", token));
    }
    printer.data(&rows.to_string())
}

fn bounded(most: usize) -> u32 {
    u32::try_from(most).unwrap_or(u32::MAX).max(1)
}

fn filter(args: &AuditArgs) -> Result<String, CliError> {
    let mut clauses = Vec::new();
    for (clause, value) in [
        ("eventTimestamp ge", &args.from),
        ("eventTimestamp le", &args.to),
        ("resourceGroupName eq", &args.resource_group),
        ("resourceUri eq", &args.resource),
        ("caller eq", &args.caller),
    ] {
        if let Some(value) = value {
            if value.contains('\'') {
                return Err(CliError::usage(format!("`{value}` must have no `'`")));
            }
            clauses.push(format!("{clause} '{value}'"));
        }
    }
    if args.failed {
        clauses.push("status eq 'Failed'".to_owned());
    }
    Ok(clauses.join(" and "))
}

fn skip_token(link: &str) -> Option<String> {
    let url = reqwest::Url::parse(link).ok()?;
    let mut pairs = url.query_pairs();
    pairs
        .find(|(name, _)| name == "$skipToken")
        .map(|(_, value)| value.into_owned())
}

fn cells(event: Event) -> [String; 6] {
    let refused = match event.properties.error_code.as_str() {
        "" => event.properties.status_code,
        code => format!("{} {code}", event.properties.status_code),
    };
    [
        event.event_timestamp,
        if event.caller.is_empty() {
            "-".to_owned()
        } else {
            event.caller
        },
        event.operation_name.value,
        event.resource_id,
        refused,
        event.http_request.client_ip_address,
    ]
}
