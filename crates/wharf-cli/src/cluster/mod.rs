//! `wharf cluster`: managed clusters, through the ARM API.
//!
//! - [`import`]: a kubeconfig goes in; [`read`]: list and show

mod import;
mod read;

use clap::{Args, Subcommand};
use wharf_core::{name::ManagedClusterName, resource_id::ResourceId};
use wharf_wire::arm::{managed_clusters::Cluster, subscriptions::Subscription};
use wharf_wire::page::ValueList;

use crate::{
    client::{Client, parse},
    data_dir::HomeArgs,
    error::CliError,
    output::Table,
    printer::Printer,
    session::Session,
};

/// Managed clusters.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    #[command(flatten)]
    home: HomeArgs,
    #[command(subcommand)]
    command: ClusterCommand,
}

/// What is done with managed clusters.
#[derive(Debug, Subcommand)]
enum ClusterCommand {
    /// Tell Wharf of a Kubernetes cluster
    Import(import::ImportArgs),
    /// List the clusters that Wharf knows
    List(read::ListArgs),
    /// Show one cluster
    Show(read::ShowArgs),
}

/// Where a cluster is.
#[derive(Debug, Args)]
struct Scope {
    /// Resource group [default: the first one, when the data directory is here]
    #[arg(long, short = 'g', value_name = "GROUP")]
    resource_group: Option<String>,

    /// Subscription [default: the first one]
    #[arg(long, value_name = "ID")]
    subscription: Option<String>,
}

pub(crate) async fn run(args: &ClusterArgs, printer: &mut Printer<'_>) -> Result<(), CliError> {
    match &args.command {
        ClusterCommand::Import(import) => import::run(&args.home, import, printer).await,
        ClusterCommand::List(list) => read::list(&args.home, list, printer).await,
        ClusterCommand::Show(show) => read::show(&args.home, show, printer).await,
    }
}

impl Scope {
    async fn subscription(&self, session: &Session, client: &Client) -> Result<String, CliError> {
        let known = self.subscription.as_ref().or(session.subscription.as_ref());
        if let Some(id) = known {
            return path_word("--subscription", id);
        }
        let path = "/subscriptions";
        let list: ValueList<Subscription> = parse(client.get(path).await?, path)?;
        let first = list.value.into_iter().next();
        first
            .map(|subscription| subscription.subscription_id)
            .ok_or_else(|| CliError::failed("you have no subscription on this server"))
    }

    fn group(&self, session: &Session) -> Result<String, CliError> {
        let known = self
            .resource_group
            .as_ref()
            .or(session.resource_group.as_ref());
        match known {
            Some(group) => path_word("--resource-group", group),
            None => Err(CliError::usage("say which resource group with `-g GROUP`")),
        }
    }

    /// The id of a cluster.
    async fn cluster(
        &self,
        name: &str,
        session: &Session,
        client: &Client,
    ) -> Result<ResourceId, CliError> {
        let parsed = name.parse::<ManagedClusterName>();
        let name = parsed.map_err(|error| CliError::usage(format!("--name: `{name}` {error}")))?;
        let subscription = self.subscription(session, client).await?;
        let group = self.group(session)?;
        Ok(ResourceId::managed_cluster(
            &subscription,
            &group,
            name.as_str(),
        ))
    }
}

/// A word that stays one segment of a path.
fn path_word(option: &str, word: &str) -> Result<String, CliError> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "-_.()".contains(c);
    if word.is_empty() || word.starts_with('.') || !word.chars().all(is_word) {
        return Err(CliError::usage(format!(
            "{option}: `{word}` must have letters, digits and `-_.()`"
        )));
    }
    Ok(word.to_owned())
}

/// The columns of `az aks list -o table`.
fn table(clusters: &[Cluster]) -> Table {
    let mut table = Table::new(&[
        "Name",
        "Location",
        "ResourceGroup",
        "KubernetesVersion",
        "ProvisioningState",
        "Fqdn",
    ]);
    for cluster in clusters {
        let group = cluster.id.parse::<ResourceId>().map(|id| id.group);
        let properties = &cluster.properties;
        table.row([
            cluster.name.clone(),
            cluster.location.clone(),
            group.unwrap_or_default(),
            properties.kubernetes_version.clone(),
            properties.provisioning_state.clone(),
            properties.fqdn.clone().unwrap_or_default(),
        ]);
    }
    table
}
