//! `wharf principal`: who else may sign in, through the ARM API.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};
use wharf_core::name::PrincipalName;
use wharf_wire::{arm::authorization::PrincipalResource, page::ValueList};

use crate::{
    client::{Client, parse},
    data_dir::HomeArgs,
    error::CliError,
    output::{OutputArgs, Table},
    printer::Printer,
    session::Session,
};

const PATH: &str = "/providers/Wharf.Authorization/principals";
const EXAMPLES: &str = "\
Examples:
  wharf principal create -n ci --role Contributor
      everything of this server but giving roles to others
  wharf principal create -n dashboards --role Reader \\
      --scopes /subscriptions/ID/resourceGroups/wharf
  wharf principal delete -n ci

The secret is shown once. Give it with the tenant `adfs` and the client id to
ServicePrincipalAuthentication of the SDK, or to `az login --service-principal`.";

/// Who can sign in.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct PrincipalArgs {
    #[command(flatten)]
    home: HomeArgs,
    #[command(subcommand)]
    command: PrincipalCommand,
}

/// What is done with principals.
#[derive(Debug, Subcommand)]
enum PrincipalCommand {
    /// Make a principal, and show its secret this once
    Create(CreateArgs),
    /// List the principals with their roles
    List(ListArgs),
    /// Give a principal a new secret, and show it this once
    RenewSecret(NameArgs),
    /// Remove a principal; its tokens are refused at once
    Delete(NameArgs),
}

#[derive(Debug, Args)]
struct CreateArgs {
    #[command(flatten)]
    name: NameArgs,
    /// `Reader`, `Contributor` or `Owner`
    #[arg(long, value_name = "ROLE", default_value = "Reader")]
    role: String,
    /// Ids of subscriptions, resource groups or workspaces where the role holds
    /// [default: the first subscription]
    #[arg(long, value_name = "ID", num_args = 1..)]
    scopes: Vec<String>,
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Args)]
struct NameArgs {
    /// Name of the principal
    #[arg(long, short, value_name = "NAME")]
    name: String,
}

impl NameArgs {
    fn path(&self) -> Result<String, CliError> {
        let name = &self.name;
        let parsed = name.parse::<PrincipalName>();
        let name = parsed.map_err(|error| CliError::usage(format!("--name: `{name}` {error}")))?;
        Ok(format!("{PATH}/{name}"))
    }
}

pub(crate) async fn run(args: &PrincipalArgs, printer: &mut Printer<'_>) -> Result<(), CliError> {
    let session = Session::find(&args.home)?;
    let client = Client::sign_in(&session).await?;
    match &args.command {
        PrincipalCommand::Create(create) => {
            let scopes = match create.scopes.as_slice() {
                [] => vec![first_subscription(&session, &client).await?],
                scopes => scopes.to_vec(),
            };
            let body = json!({"properties": {"role": create.role, "scopes": scopes}});
            let answer = client.put(&create.name.path()?, &body).await?;
            show_secret(answer, printer)
        }
        PrincipalCommand::List(list) => {
            let answer: ValueList<Value> = parse(client.get(PATH).await?, PATH)?;
            let principals = Value::from(answer.value);
            let rows = || Ok(table(&parse::<Vec<_>>(principals.clone(), PATH)?));
            list.output.print(&principals, rows, printer)
        }
        PrincipalCommand::RenewSecret(name) => {
            let path = format!("{}/renewSecret", name.path()?);
            let answer = client.request(Method::POST, &path, None).await?;
            show_secret(answer, printer)
        }
        PrincipalCommand::Delete(name) => {
            client.request(Method::DELETE, &name.path()?, None).await?;
            Ok(())
        }
    }
}

async fn first_subscription(session: &Session, client: &Client) -> Result<String, CliError> {
    if let Some(id) = &session.subscription {
        return Ok(format!("/subscriptions/{id}"));
    }
    let list = client.get("/subscriptions").await?;
    let first = list["value"][0]["id"].as_str().map(str::to_owned);
    first.ok_or_else(|| CliError::failed("you have no subscription on this server"))
}

/// As `az ad sp create-for-rbac` prints it.
fn show_secret(answer: Value, printer: &mut Printer<'_>) -> Result<(), CliError> {
    let made: PrincipalResource = parse(answer, PATH)?;
    let shown = json!({
        "appId": made.properties.client_id,
        "displayName": made.name,
        "password": made.properties.client_secret,
        "tenant": made.properties.tenant_id,
    });
    printer.talk("The password is shown this once; keep it where secrets are kept");
    printer.data(&format!("{shown:#}\n"))
}

fn table(principals: &[PrincipalResource]) -> Table {
    let mut table = Table::new(&["Name", "AppId", "Role", "Scope"]);
    for principal in principals {
        let properties = &principal.properties;
        if properties.role_assignments.is_empty() {
            let cells = [&principal.name, &properties.client_id, "-", "-"].map(str::to_owned);
            table.row(cells);
        }
        for held in &properties.role_assignments {
            table.row([
                principal.name.clone(),
                properties.client_id.clone(),
                held.role.clone(),
                held.scope.clone(),
            ]);
        }
    }
    table
}
