//! `hw deps`: the packages of a project.

use clap::{Args, ValueEnum};
use highwater::project::packages::{self, Installed, Steps};
use serde_json::{Value, json};

use crate::arguments::{GlobalArguments, LogLevel, OutputArguments};
use crate::exit::{Exit, Outcome};
use crate::project;
use crate::ui::Ui;

/// Installs the packages that packages.yml or dependencies.yml name
///
/// Versions are chosen once and written to package-lock.yml, in dbt's form; they are chosen anew when what is asked for has
/// changed. Packages come from folders, from git repositories (by the git of the machine), from archives and from the
/// package hub (by its curl and tar).
#[derive(Debug, Args)]
pub struct Arguments {
    /// Choose the newest versions that fit, whatever package-lock.yml says
    #[arg(long)]
    upgrade: bool,

    /// Write package-lock.yml and install nothing
    #[arg(long)]
    lock: bool,

    /// Add a package to packages.yml first, such as dbt-labs/dbt_utils@1.3.0
    #[arg(long, value_name = "PACKAGE")]
    add_package: Option<String>,

    /// Where the package to add comes from
    #[arg(long, value_enum, default_value_t = Source::Hub, requires = "add_package")]
    source: Source,

    #[command(flatten)]
    pub output: OutputArguments,
}

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Source {
    /// The package hub
    Hub,
    /// A git repository
    Git,
    /// A folder
    Local,
}

/// Installs.
///
/// # Errors
/// When the project cannot be read, or a package cannot be had.
pub fn execute(arguments: &Arguments, global: &GlobalArguments, ui: &Ui) -> Outcome {
    let options = project::load_options(global)?;
    if let Some(package) = &arguments.add_package {
        let source = match arguments.source {
            Source::Hub => packages::Source::Hub,
            Source::Git => packages::Source::Git,
            Source::Local => packages::Source::Local,
        };
        let path = packages::add(&options, package, source)?;
        ui.say(LogLevel::Info, "DepsAddPackage", &format!("added {package} to {}", path.display()));
    }
    let done = packages::install(&options, Steps { upgrade: arguments.upgrade, lock_only: arguments.lock })?;
    if let Some(path) = &done.locked {
        ui.say(LogLevel::Info, "DepsLockUpdating", &format!("wrote {}", path.display()));
    }
    for package in &done.installed {
        ui.say(LogLevel::Info, "DepsInstallInfo", &line(package));
    }
    if done.installed.is_empty() && done.locked.is_none() {
        ui.say(LogLevel::Info, "DepsNoPackagesFound", "no packages to install");
    }
    if ui.answers_json() {
        let packages: Vec<Value> = done.installed.iter().map(value).collect();
        ui.answer_json(&json!({ "installed": packages, "locked": done.locked }))?;
    }
    Ok(Exit::Ok)
}

fn line(package: &Installed) -> String {
    let newer = package.latest.as_ref().map(|latest| format!("; there is {latest}")).unwrap_or_default();
    format!("{} from {}, {}{newer}", package.name, package.from, package.version)
}

fn value(package: &Installed) -> Value {
    json!({
        "name": package.name, "from": package.from, "version": package.version, "latest": package.latest, "to": package.to,
    })
}
