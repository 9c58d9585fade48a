//! The command line as data: flags that every command takes, and groups of flags that several share.
//!
//! | type | flags |
//! | --- | --- |
//! | [`GlobalArguments`] | where the project is, which target, how to talk; accepted before and after the command |
//! | [`SelectionArguments`] | `--select`, `--exclude` and what goes with them |
//! | [`OutputArguments`] | `--output text\|json` |
//! | [`AcceptedArguments`] | dbt's flags that change nothing here, so that scripts written for dbt keep running |

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{ArgAction, Args, Parser, ValueEnum};

use crate::commands::Command;

/// Runs dbt projects, and keeps incremental models equal to a full rebuild.
#[derive(Debug, Parser)]
#[command(
    name = "hw",
    version,
    disable_help_subcommand = true,
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 110,
    after_help = "Exit codes: 0 all is well; 1 a node failed, or a table differs from its rebuild; 2 could not run; \
                  3 a defect of Highwater itself.\n\
                  `hw help COMMAND` says more about a command, `hw help HW0213` explains an error."
)]
pub struct Cli {
    #[command(flatten)]
    pub global: GlobalArguments,
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Project and target")]
pub struct GlobalArguments {
    /// Folder of dbt_project.yml [default: here, or the nearest folder above that has one]
    #[arg(long, global = true, value_name = "DIR", env = "DBT_PROJECT_DIR", hide_env_values = true)]
    pub project_dir: Option<PathBuf>,

    /// Folder of profiles.yml [default: here, the project's folder, then ~/.dbt]
    #[arg(long, global = true, value_name = "DIR", env = "DBT_PROFILES_DIR", hide_env_values = true)]
    pub profiles_dir: Option<PathBuf>,

    /// Profile to use instead of the project's
    #[arg(long, global = true, value_name = "NAME", env = "DBT_PROFILE", hide_env_values = true)]
    pub profile: Option<String>,

    /// Target of the profile
    #[arg(short, long, global = true, value_name = "NAME", env = "DBT_TARGET", hide_env_values = true)]
    pub target: Option<String>,

    /// Variables, as a YAML mapping: '{country: de, days: 3}'
    #[arg(long, global = true, value_name = "YAML", env = "DBT_VARS", hide_env_values = true)]
    pub vars: Option<String>,

    /// How many nodes run at the same time [default: the target's]
    #[arg(long, global = true, value_name = "N", env = "DBT_THREADS", hide_env_values = true,
          value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// How long to wait for another run that has the database or builds the same model: 90s, 10m, 2h
    #[arg(long, global = true, value_name = "TIME", env = "HW_WAIT", hide_env_values = true, default_value = "0s",
          value_parser = waiting_time)]
    pub wait: Duration,

    /// Folder of artifacts and compiled SQL [default: the project's target-path, else target]
    #[arg(long, global = true, value_name = "DIR", env = "DBT_TARGET_PATH", hide_env_values = true)]
    pub target_path: Option<PathBuf>,

    /// Take warnings for errors
    #[arg(long, global = true, env = "DBT_WARN_ERROR", hide_env_values = true, value_parser = FalseyValueParser::new())]
    pub warn_error: bool,

    #[arg(long, global = true, hide = true)]
    pub no_warn_error: bool,

    /// Which warnings are errors, stay warnings, or are not said, as a YAML mapping: '{error: all, warn: [HW0417], silence: [HW0109]}'
    #[arg(long, global = true, value_name = "YAML", env = "DBT_WARN_ERROR_OPTIONS", hide_env_values = true)]
    pub warn_error_options: Option<String>,

    /// Do not write manifest.json and run_results.json
    #[arg(long, global = true)]
    pub no_write_json: bool,

    /// Parse every file, whatever an earlier command left in the target folder (as DBT_PARTIAL_PARSE=false)
    #[arg(long, global = true)]
    pub no_partial_parse: bool,

    #[arg(long, global = true, hide = true, overrides_with = "no_partial_parse")]
    pub partial_parse: bool,

    #[command(flatten)]
    pub talk: TalkArguments,

    #[command(flatten)]
    pub accepted: AcceptedArguments,
}

impl GlobalArguments {
    /// Whether warnings are errors, unless the options on warnings say which.
    pub fn fails_on_warnings(&self) -> bool {
        self.warn_error && !self.no_warn_error
    }
}

/// Reads a time as people write it: a number of seconds, minutes or hours.
fn waiting_time(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|character: char| character.is_ascii_digit());
    let number: u64 = text[..text.len() - unit.len()].parse().map_err(|_| "write it as 90s, 10m or 2h".to_owned())?;
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err("write it as 90s, 10m or 2h".to_owned()),
    };
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(|| "that is too long".to_owned())
}

/// How the command talks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Messages")]
pub struct TalkArguments {
    /// How messages are written; json puts one object per line on standard output
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        env = "DBT_LOG_FORMAT",
        hide_env_values = true
    )]
    pub log_format: LogFormat,

    /// Least level of messages that are shown
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        default_value = "info",
        env = "DBT_LOG_LEVEL",
        hide_env_values = true
    )]
    pub log_level: LogLevel,

    /// Folder of the file dbt.log that keeps the log (default: logs in the project)
    #[arg(long, global = true, value_name = "DIR", env = "DBT_LOG_PATH", hide_env_values = true)]
    pub log_path: Option<PathBuf>,

    /// Least level of messages in that file; none for no file
    #[arg(long, global = true, value_name = "LEVEL", default_value = "debug", env = "DBT_LOG_LEVEL_FILE", hide = true)]
    pub log_level_file: LogLevel,

    /// How messages are written to that file (default: as --log-format)
    #[arg(long, global = true, value_name = "FORMAT", env = "DBT_LOG_FORMAT_FILE", hide = true)]
    pub log_format_file: Option<LogFormat>,

    /// Say nothing but errors
    #[arg(short, long, global = true, env = "DBT_QUIET", hide_env_values = true,
          value_parser = FalseyValueParser::new())]
    pub quiet: bool,

    #[arg(long, global = true, hide = true)]
    pub no_quiet: bool,

    /// Say everything, SQL included
    #[arg(short, long, global = true, env = "DBT_DEBUG", hide_env_values = true,
          value_parser = FalseyValueParser::new())]
    pub debug: bool,

    #[arg(long, global = true, hide = true)]
    pub no_debug: bool,

    /// Do not print what templates print(); variable DBT_PRINT=false
    #[arg(long, global = true)]
    pub no_print: bool,

    #[arg(long, global = true, hide = true, overrides_with = "no_print")]
    pub print: bool,

    /// No colours (as the variable NO_COLOR)
    #[arg(long, visible_alias = "no-color", global = true)]
    pub no_use_colors: bool,

    /// Colours even when the output is no terminal
    #[arg(long, global = true, overrides_with = "no_use_colors")]
    pub use_colors: bool,
}

/// Flags of dbt that are accepted and change nothing: what they switch off does not exist here.
#[derive(Debug, Clone, Args)]
pub struct AcceptedArguments {
    #[arg(long, global = true, hide = true)]
    no_version_check: bool,
    #[arg(long, global = true, hide = true)]
    version_check: bool,
    #[arg(long, global = true, hide = true)]
    write_json: bool,
    #[arg(long, global = true, hide = true)]
    send_anonymous_usage_stats: bool,
    #[arg(long, global = true, hide = true)]
    no_send_anonymous_usage_stats: bool,
    #[arg(long, global = true, hide = true)]
    populate_cache: bool,
    #[arg(long, global = true, hide = true)]
    no_populate_cache: bool,
    #[arg(long, global = true, hide = true)]
    cache_selected_only: bool,
    #[arg(long, global = true, hide = true)]
    no_cache_selected_only: bool,
    #[arg(long, global = true, hide = true)]
    log_cache_events: bool,
    #[arg(long, global = true, hide = true)]
    no_log_cache_events: bool,
    #[arg(long, global = true, hide = true)]
    static_parser: bool,
    #[arg(long, global = true, hide = true)]
    no_static_parser: bool,
    #[arg(long, global = true, hide = true)]
    use_experimental_parser: bool,
    #[arg(long, global = true, hide = true)]
    no_use_experimental_parser: bool,
    #[arg(long, global = true, hide = true)]
    use_fast_test_edges: bool,
    #[arg(long, global = true, hide = true)]
    no_use_fast_test_edges: bool,
    #[arg(long, global = true, hide = true)]
    show_all_deprecations: bool,
    #[arg(long, global = true, hide = true)]
    no_show_all_deprecations: bool,
    #[arg(long, global = true, hide = true)]
    use_colors_file: bool,
    #[arg(long, global = true, hide = true)]
    no_use_colors_file: bool,
    #[arg(long, global = true, hide = true)]
    upload_to_artifacts_ingest_api: bool,
    #[arg(long, global = true, hide = true)]
    no_upload_to_artifacts_ingest_api: bool,
    #[arg(long, global = true, hide = true)]
    no_introspect: bool,
    #[arg(long, global = true, hide = true, value_name = "N")]
    printer_width: Option<usize>,
    #[arg(long, global = true, hide = true, value_name = "FILE")]
    record_timing_info: Option<PathBuf>,
}

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people
    #[value(alias = "default")]
    Text,
    /// One JSON object per line
    Json,
    /// Lines for people, with their level
    Debug,
}

/// Least level of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Everything
    Debug,
    /// What happens
    Info,
    /// What to look at
    Warn,
    /// What failed
    Error,
    /// Nothing
    None,
}

/// Which nodes a command is about.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArguments {
    /// Nodes to take: names, paths, tag:…, config.…:…, with + and @ for what is up- and downstream
    #[arg(short, long, visible_aliases = ["models", "model"], visible_short_alias = 'm', num_args = 1..,
          action = ArgAction::Append, value_name = "SELECTOR")]
    pub select: Vec<String>,

    /// Nodes to leave out, in the same language
    #[arg(long, num_args = 1.., action = ArgAction::Append, value_name = "SELECTOR")]
    pub exclude: Vec<String>,

    /// A selector of selectors.yml
    #[arg(long, value_name = "NAME", conflicts_with_all = ["select", "exclude"])]
    pub selector: Option<String>,

    /// Only nodes of these types
    #[arg(long, visible_alias = "resource-types", num_args = 1.., action = ArgAction::Append, value_name = "TYPE")]
    pub resource_type: Vec<ResourceTypeArgument>,

    /// No nodes of these types
    #[arg(long, visible_alias = "exclude-resource-types", num_args = 1.., action = ArgAction::Append, value_name = "TYPE")]
    pub exclude_resource_type: Vec<ResourceTypeArgument>,

    /// Which tests come along with a selected node
    #[arg(long, value_name = "MODE", env = "DBT_INDIRECT_SELECTION", hide_env_values = true)]
    pub indirect_selection: Option<IndirectArgument>,

    /// Folder with the artifacts of an earlier run: for state:, result:, source_status: and --defer
    #[arg(long, value_name = "DIR", env = "DBT_STATE", hide_env_values = true)]
    pub state: Option<PathBuf>,

    /// Let references to what is not built here lead to the tables of the earlier run
    #[arg(long, env = "DBT_DEFER", hide_env_values = true, value_parser = FalseyValueParser::new())]
    defer: bool,

    #[arg(long, hide = true)]
    no_defer: bool,

    /// Folder with the manifest to defer to, when it is not that of --state
    #[arg(long, value_name = "DIR", env = "DBT_DEFER_STATE", hide_env_values = true)]
    pub defer_state: Option<PathBuf>,

    /// With --defer: prefer the earlier tables of what this command does not build
    #[arg(long, env = "DBT_FAVOR_STATE", hide_env_values = true, value_parser = FalseyValueParser::new())]
    favor_state: bool,

    #[arg(long, hide = true)]
    no_favor_state: bool,
}

impl SelectionArguments {
    /// Whether references defer; `--no-defer` also takes back what `DBT_DEFER` says.
    pub fn is_deferring(&self) -> bool {
        self.defer && !self.no_defer
    }

    /// Whether earlier tables are preferred; `--no-favor-state` also takes back what `DBT_FAVOR_STATE` says.
    pub fn is_favoring_state(&self) -> bool {
        self.favor_state && !self.no_favor_state
    }
}

/// The types a selection can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ResourceTypeArgument {
    /// Models
    Model,
    /// Seeds
    Seed,
    /// Snapshots
    Snapshot,
    /// Data tests
    Test,
    /// Unit tests
    UnitTest,
    /// Analyses
    Analysis,
    /// Source tables
    Source,
    /// Exposures
    Exposure,
    /// Metrics
    Metric,
    /// Semantic models
    SemanticModel,
    /// Saved queries
    SavedQuery,
    /// What the command takes when nothing is said
    Default,
    /// All of them
    All,
}

/// Which tests come along with a selected node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IndirectArgument {
    /// Every test that touches a selected node
    Eager,
    /// Tests all of whose nodes are selected
    Cautious,
    /// Tests whose nodes are selected or upstream of selected ones
    Buildable,
    /// None
    Empty,
}

/// The form of what a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct OutputArguments {
    /// Form of the answer on standard output
    #[arg(long, value_name = "FORM", default_value = "text")]
    pub output: OutputForm,
}

/// The form of what a command answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputForm {
    /// For people
    Text,
    /// One JSON document
    Json,
}
