//! `wharf cluster import`: a kubeconfig goes in, reduced to one context.

use std::{fs, io::Read as _, path::PathBuf};

use clap::Args;
use wharf_core::kubeconfig::{Kubeconfig, LARGEST};
use wharf_wire::arm::managed_clusters::{self, Cluster};

use super::{Scope, table};
use crate::{
    client::{Client, parse},
    data_dir::HomeArgs,
    error::CliError,
    output::OutputArgs,
    printer::Printer,
    session::Session,
};

const EXAMPLES: &str = "\
Examples:
  wharf cluster import -n prod -g wharf --kubeconfig ~/.kube/config --context prod
  kubectl config view --raw --flatten --minify |
    wharf cluster import -n prod -g wharf --kubeconfig -

Certificates and tokens must be inline. What runs a program or names a file
(`exec`, `auth-provider`, `client-key: /path`) is refused, since the server would do
it too.";

/// Tells Wharf of a Kubernetes cluster.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ImportArgs {
    /// Name that the cluster gets
    #[arg(long, short, value_name = "NAME")]
    name: String,
    #[command(flatten)]
    scope: Scope,
    /// The kubeconfig; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    kubeconfig: PathBuf,
    /// Context that is taken [default: the file's current one]
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(
    home: &HomeArgs,
    args: &ImportArgs,
    printer: &mut Printer<'_>,
) -> Result<(), CliError> {
    let text = read(&args.kubeconfig)?;
    let kubeconfig = Kubeconfig::parse(&text, args.context.as_deref()).map_err(|faults| {
        let lines = faults.iter().map(|fault| format!("\n  {fault}"));
        CliError::failed(format!(
            "{} cannot be imported:{}",
            args.kubeconfig.display(),
            lines.collect::<String>()
        ))
    })?;
    let session = Session::find(home)?;
    let client = Client::sign_in(&session).await?;
    let id = args.scope.cluster(&args.name, &session, &client).await?;
    let path = id.to_string();
    // Only what was understood leaves this machine.
    let body = managed_clusters::import(&kubeconfig.to_text());
    let answer = client.put(&path, &body).await?;
    printer.talk(&format!(
        "Imported context `{}` ({}) as `{}`",
        kubeconfig.context, kubeconfig.server, args.name
    ));
    let rows = || {
        let cluster: Cluster = parse(answer.clone(), &path)?;
        Ok(table(&[cluster]))
    };
    args.output.print(&answer, rows, printer)
}

fn read(path: &std::path::Path) -> Result<String, CliError> {
    let failed = |error: std::io::Error| CliError::file("read", path, &error);
    let source: Box<dyn std::io::Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(fs::File::open(path).map_err(failed)?)
    };
    let mut text = String::new();
    // One byte more, so that the check for the largest one sees it.
    let most = u64::try_from(LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    source
        .take(most)
        .read_to_string(&mut text)
        .map_err(failed)?;
    Ok(text)
}
