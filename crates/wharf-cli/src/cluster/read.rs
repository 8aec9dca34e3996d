//! `wharf cluster list` and `show`.

use clap::Args;
use wharf_wire::{
    arm::managed_clusters::{Cluster, list_path},
    page::ValueList,
};

use super::{Scope, path_word, table};
use crate::{
    client::{Client, parse},
    data_dir::HomeArgs,
    error::CliError,
    output::OutputArgs,
    printer::Printer,
    session::Session,
};

/// Lists the clusters that Wharf knows.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  wharf cluster list -o table")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    output: OutputArgs,
}

/// Shows one cluster.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  wharf cluster show -n local -g wharf -o table")]
pub(crate) struct ShowArgs {
    /// Name of the cluster
    #[arg(
        long,
        short,
        value_name = "NAME",
        required_unless_present = "word",
        conflicts_with = "word"
    )]
    name: Option<String>,
    /// The name where `az` does not take it; refused with a word on `-n`
    #[arg(hide = true, value_name = "WORD")]
    word: Option<String>,
    #[command(flatten)]
    scope: Scope,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn list(
    home: &HomeArgs,
    args: &ListArgs,
    printer: &mut Printer<'_>,
) -> Result<(), CliError> {
    let session = Session::find(home)?;
    // Without `-g`, those of all groups.
    let group = args.scope.resource_group.as_deref();
    let group = group.map(|group| path_word("--resource-group", group));
    let group = group.transpose()?;
    let client = Client::sign_in(&session).await?;
    let subscription = args.scope.subscription(&session, &client).await?;
    let path = list_path(&subscription, group.as_deref());
    let list: ValueList<serde_json::Value> = parse(client.get(&path).await?, &path)?;
    let clusters = serde_json::Value::from(list.value);
    let rows = || {
        let clusters: Vec<Cluster> = parse(clusters.clone(), &path)?;
        Ok(table(&clusters))
    };
    args.output.print(&clusters, rows, printer)
}

pub(super) async fn show(
    home: &HomeArgs,
    args: &ShowArgs,
    printer: &mut Printer<'_>,
) -> Result<(), CliError> {
    let Some(name) = &args.name else {
        let word = args.word.as_deref().unwrap_or_default();
        return Err(
            CliError::usage(format!("the name of the cluster goes with `-n`: `{word}`"))
                .with_hint(format!("wharf cluster show -n {word}")),
        );
    };
    let session = Session::find(home)?;
    let client = Client::sign_in(&session).await?;
    let id = args.scope.cluster(name, &session, &client).await?;
    let path = id.to_string();
    let answer = client.get(&path).await?;
    let rows = || {
        let cluster: Cluster = parse(answer.clone(), &path)?;
        Ok(table(&[cluster]))
    };
    args.output.print(&answer, rows, printer)
}
