//! `wharf keys`: replaces the key that signs tokens.

use std::fs;

use clap::{Args, Subcommand};
use wharf_core::clock::{Clock as _, SystemClock};

use crate::{data_dir::HomeArgs, error::CliError, printer::Printer};

const EXAMPLES: &str = "\
Example:
  wharf keys rotate && systemctl restart wharf

The server makes a new key when it starts. Tokens that the old one signed are good until
they expire, at the latest a day after this; then the old key is removed.";

/// Keys of a data directory.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct KeysArgs {
    #[command(flatten)]
    home: HomeArgs,
    #[command(subcommand)]
    command: KeysCommand,
}

/// What is done with keys.
#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Put the key that signs tokens aside; the next start makes a new one
    Rotate,
}

pub(crate) fn run(args: &KeysArgs, printer: &mut Printer<'_>) -> Result<(), CliError> {
    let dir = args.home.data_dir()?;
    match args.command {
        KeysCommand::Rotate => {
            let (key, aside) = (dir.token_key(), dir.replaced_token_key(SystemClock.now()));
            fs::rename(&key, &aside).map_err(|error| match error.kind() {
                std::io::ErrorKind::NotFound => CliError::failed(format!(
                    "{} is not there: no server was started here, or the key was rotated already \
                     and no server was started since",
                    key.display()
                )),
                _ => CliError::file("rename", &key, &error),
            })?;
            fs::File::open(dir.keys())
                .and_then(|folder| folder.sync_all())
                .map_err(|error| CliError::file("write", &dir.keys(), &error))?;
            printer.talk(
                "The key that signs tokens was put aside; restart the server, which makes a new one",
            );
            Ok(())
        }
    }
}
