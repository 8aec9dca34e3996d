//! The project's own chores: `cargo run -p xtask -- --help`.
//!
//! - [`tidy`]: what the layout promises and no compiler checks
//! - [`dependencies`]: licences, sources and bans of `deny.toml`
//! - [`bench`]: what the control plane does in a second
//! - [`workspace`]: the tree and what cargo knows about it
//! - [`finding`]: one thing to mend

mod bench;
mod dependencies;
mod finding;
mod tidy;
mod workspace;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{finding::Finding, workspace::Workspace};

/// Chores of the Wharf repository
#[derive(Parser)]
#[command(name = "xtask", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the layout: imports, file length, module docs, spellings, lints, machine paths, links
    Tidy,
    /// Check licences, sources, bans and duplicate versions against deny.toml
    Dependencies,
    /// Measure a release build
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// ARM requests a second, flows, processor time and memory of the control plane
    Control(bench::ControlArgs),
    /// What requests cost when there are few things and when there are many
    Scale(bench::ScaleArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.chore {
        Chore::Tidy => Workspace::load().and_then(|workspace| tidy::run(&workspace)),
        Chore::Dependencies => {
            Workspace::load().and_then(|workspace| dependencies::run(&workspace))
        }
        Chore::Bench(Bench::Control(args)) => bench::run(bench::measure(args)),
        Chore::Bench(Bench::Scale(args)) => bench::run(bench::scale(args)),
    };
    let mut out = std::io::stdout().lock();
    // A reader that has gone away is no reason to fail a check.
    let code = match outcome {
        Ok(report) => {
            for line in &report.notes {
                let _ = writeln!(out, "note: {line}");
            }
            for finding in &report.findings {
                let _ = writeln!(out, "{finding}");
            }
            let count = report.findings.len();
            let _ = writeln!(out, "{}: {count} to mend", report.title);
            if count == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
        Err(error) => {
            let _ = writeln!(out, "error: {error}");
            ExitCode::FAILURE
        }
    };
    drop(out);
    code
}

/// What a chore found.
pub(crate) struct Report {
    pub(crate) title: &'static str,
    /// Worth reading, but no reason to fail.
    pub(crate) notes: Vec<String>,
    pub(crate) findings: Vec<Finding>,
}
