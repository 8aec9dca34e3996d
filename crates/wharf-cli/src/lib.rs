//! A person's shell: a thin client of the APIs.
//!
//! - [`grammar`]: what can be typed; [`dispatch`]: who does it
//! - [`printer`], [`output`], [`error`]: what is answered, and the exit code
//! - where things are: [`data_dir`], [`admin_file`], [`environment`], [`session`]
//! - [`client`]: the server's APIs over HTTPS
//! - commands: [`env`], [`exec`], [`doctor`], [`cluster`], [`replicas`], [`keys`],
//!   [`principal`], [`audit`]

mod admin_file;
mod audit;
mod client;
mod cluster;
mod data_dir;
mod dispatch;
mod doctor;
mod env;
mod environment;
mod error;
mod exec;
mod grammar;
mod keys;
mod output;
mod principal;
mod printer;
mod replicas;
mod session;

pub use admin_file::AdminFile;
pub use data_dir::{DataDir, HomeArgs};
pub use dispatch::run;
pub use environment::EnvironmentBlock;
pub use error::CliError;
pub use grammar::Command;
pub use printer::Printer;
pub use replicas::running_replicas;
