//! The project as files and settings: `dbt_project.yml`, `profiles.yml`, packages, and every file below them, read once.
//!
//! Knows nothing of nodes or SQL; the manifest is built from what is read here.
//!
//! | file | what |
//! | --- | --- |
//! | `load.rs` | from a folder to a [`Project`] |
//! | `package.rs` | one `dbt_project.yml`, and the configuration trees in it |
//! | `profile.rs` | `profiles.yml`: where it is looked for, which target counts |
//! | `target/` | the database a target names, and opening it: a file per engine |
//! | `packages/` | `packages.yml`, `dependencies.yml`, `package-lock.yml`, and installing packages |
//! | `discover.rs` | which files belong to a package, and as what |
//! | `stamp.rs` | what the file system says of a file without opening it |
//! | `ignore.rs` | `.dbtignore` |
//! | `render.rs` | Jinja in the values of these YAML files |
//! | `yaml.rs` | YAML with the place of every value |
//! | `python_json.rs` | JSON as Python writes it |
//! | `suggest.rs` | "did you mean" |

mod discover;
mod ignore;
mod load;
mod package;
pub mod packages;
mod profile;
mod python_json;
pub mod render;
pub(crate) mod stamp;
pub(crate) mod suggest;
mod target;
pub mod yaml;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use discover::{Found, Listing, checksum, digest, read_into};
pub use load::load;
pub(crate) use load::{settings, target_value};
pub use package::PROJECT_FILE;
pub(crate) use python_json::python_json;
pub(crate) use target::postgres_refused;
pub use target::{Place, Target};

use crate::diagnostics::{Diagnostic, SourceFile};
use crate::engine::Bare;

/// What the command line and the environment say about which project to load, and how.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Folder of `dbt_project.yml`.
    pub project_dir: PathBuf,
    /// Folder of `profiles.yml`; without it: `DBT_PROFILES_DIR`, the project's folder, `~/.dbt`.
    pub profiles_dir: Option<PathBuf>,
    /// Profile, instead of the one the project names.
    pub profile: Option<String>,
    /// Target, instead of the profile's own choice.
    pub target: Option<String>,
    /// Variables; they win over every variable of the project.
    pub vars: IndexMap<String, Value>,
    /// Where artifacts go, instead of the project's `target-path`; relative to the project.
    pub target_path: Option<PathBuf>,
    /// Threads, instead of the target's own number.
    pub threads: Option<usize>,
    /// How long to wait for another run that has the database or builds the same model.
    pub wait: Duration,
    /// Whether what an earlier command parsed may be used again; without it `DBT_PARTIAL_PARSE`, then the project's flag
    /// `partial_parse`, then yes.
    pub partial_parse: Option<bool>,
}

/// `query-comment`: what is said with every statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueryComment {
    /// A template; empty where nothing is to be said, none where the project does not speak of it.
    pub template: Option<String>,
    /// Whether it stands behind the statement.
    pub append: bool,
}

/// A project and everything around it. Its own `dbt_project.yml` and files are its main package, whose fields can be
/// read straight from the project (`project.name`, `project.root`, `project.files`).
#[derive(Debug, Clone)]
pub struct Project {
    /// The project itself, as a package.
    pub main: Package,
    /// The packages it uses, without the project itself.
    pub packages: Vec<Package>,
    /// Name of the profile.
    pub profile: String,
    /// Variables of the command line.
    pub cli_vars: IndexMap<String, Value>,
    /// `query-comment`
    pub query_comment: QueryComment,
    /// `flags`.
    pub flags: IndexMap<String, Value>,
    /// The database.
    pub target: Target,
    /// Where artifacts go; absolute.
    pub target_path: PathBuf,
    /// Where the log goes.
    pub log_path: PathBuf,
    /// How long to wait for another run that has the database or builds the same model.
    pub wait: Duration,
    /// A new one for every load.
    pub invocation_id: String,
    /// What was strange but bearable while reading.
    pub warnings: Vec<Diagnostic>,
}

impl std::ops::Deref for Project {
    type Target = Package;

    fn deref(&self) -> &Package {
        &self.main
    }
}

impl Project {
    /// The project itself, then its packages.
    pub fn all_packages(&self) -> impl Iterator<Item = &Package> {
        std::iter::once(&self.main).chain(&self.packages)
    }

    /// Which parts of names are written without quotes: `quoting` of the project itself, whatever its packages say.
    pub fn bare(&self) -> Bare {
        Bare::default().with(&self.main.quoting)
    }

    /// A package by its position in [`Project::all_packages`].
    fn package_at(&mut self, position: usize) -> &mut Package {
        if position == 0 { &mut self.main } else { &mut self.packages[position - 1] }
    }

    /// A package by name, the project itself included.
    pub fn package(&self, name: &str) -> Option<&Package> {
        self.all_packages().find(|package| package.name == name)
    }

    /// A variable as code of `package` sees it: command line, then the project (what it sets for that package first),
    /// then the package's own file.
    pub fn var(&self, package: &str, name: &str) -> Option<&Value> {
        self.cli_vars
            .get(name)
            .or_else(|| self.main.scoped_var(package, name))
            .or_else(|| self.package(package)?.scoped_var(package, name))
    }

    /// Every variable that code of `package` sees; see [`Project::var`].
    pub fn vars_for(&self, package: &str) -> IndexMap<String, Value> {
        let mut vars = IndexMap::new();
        let own = self.package(package).filter(|package| package.name != self.main.name);
        for file in own.into_iter().chain([&self.main]) {
            vars.extend(file.vars.clone());
            let scoped = file.vars.get(package).and_then(Value::as_object);
            vars.extend(scoped.cloned().unwrap_or_default());
        }
        vars.extend(self.cli_vars.clone());
        vars
    }
}

/// One `dbt_project.yml` with the files below it.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// `name`.
    pub name: String,
    /// `version`; empty when it says nothing.
    pub version: String,
    /// Absolute folder.
    pub root: PathBuf,
    /// Folders, relative to the root.
    pub paths: Paths,
    /// `vars`, as written: package-scoped ones are objects under the package's name.
    pub vars: IndexMap<String, Value>,
    /// `models`, `seeds`, ...
    pub configs: ConfigTrees,
    /// The same before rendering: what `state:modified` compares, so that another target or variable modifies nothing.
    pub configs_as_written: ConfigTrees,
    /// `dispatch`.
    pub dispatch: Vec<DispatchRule>,
    /// `on-run-start`, templates.
    pub on_run_start: Vec<String>,
    /// `on-run-end`, templates.
    pub on_run_end: Vec<String>,
    /// `quoting`, as written.
    pub quoting: Value,
    /// Everything found in its folders, in the order of the paths.
    pub files: Vec<ProjectFile>,
    /// The text of `dbt_project.yml`.
    pub project_file: Arc<SourceFile>,
}

impl Package {
    /// A variable of this file for code of `package`.
    fn scoped_var(&self, package: &str, name: &str) -> Option<&Value> {
        let scoped = self.vars.get(package).and_then(Value::as_object);
        scoped.and_then(|scoped| scoped.get(name)).or_else(|| self.vars.get(name))
    }

    /// The files of one kind.
    pub fn files_of(&self, kind: FileKind) -> impl Iterator<Item = &ProjectFile> {
        self.files.iter().filter(move |file| file.kind == kind)
    }
}

/// The folders of a package, relative to its root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Paths {
    /// `model-paths`
    pub model: Vec<String>,
    /// `seed-paths`
    pub seed: Vec<String>,
    /// `test-paths`
    pub test: Vec<String>,
    /// `macro-paths`
    pub r#macro: Vec<String>,
    /// `snapshot-paths`
    pub snapshot: Vec<String>,
    /// `analysis-paths`
    pub analysis: Vec<String>,
    /// `docs-paths`; all of the above when the project says nothing.
    pub docs: Vec<String>,
    /// `asset-paths`
    pub asset: Vec<String>,
    /// `clean-targets`
    pub clean_targets: Vec<String>,
    /// `target-path`
    pub target: String,
    /// `log-path`
    pub log: String,
    /// `packages-install-path`
    pub packages_install: String,
}

/// The configuration trees of `dbt_project.yml`: folder names lead down, keys of the vocabulary and `+` keys configure.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are dbt's own keys")]
pub struct ConfigTrees {
    pub models: Value,
    pub seeds: Value,
    pub snapshots: Value,
    pub data_tests: Value,
    pub sources: Value,
    pub exposures: Value,
    pub metrics: Value,
    pub semantic_models: Value,
    pub saved_queries: Value,
    pub analyses: Value,
}

/// `dispatch`: where calls of `adapter.dispatch(..., macro_namespace)` look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchRule {
    /// The namespace the rule is for.
    pub macro_namespace: String,
    /// Packages, in order.
    pub search_order: Vec<String>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum FileKind {
    /// `models/**/*.sql`
    Model,
    /// `models/**/*.py`
    PythonModel,
    /// `seeds/**/*.csv`; only its checksum is read.
    Seed,
    /// `snapshots/**/*.sql`
    Snapshot,
    /// `tests/**/*.sql`, outside `tests/generic`
    SingularTest,
    /// `tests/generic/**/*.sql`
    GenericTest,
    /// `tests/fixtures/**/*.csv` and `.sql`: rows of unit tests
    Fixture,
    /// `macros/**/*.sql`
    Macro,
    /// `analyses/**/*.sql`
    Analysis,
    /// `*.yml`, `*.yaml` in any of these folders
    Properties,
    /// `*.md` in any of these folders
    Docs,
}

/// A file of a package.
#[derive(Debug, Clone)]
pub struct ProjectFile {
    /// What it is.
    pub kind: FileKind,
    /// Path relative to the package's root, with forward slashes (`models/staging/stg_orders.sql`).
    pub path: String,
    /// Path relative to the folder its kind lives in (`staging/stg_orders.sql`).
    pub inner_path: String,
    /// The text, with its path relative to the project for diagnostics; empty for seeds.
    pub source: Arc<SourceFile>,
    /// SHA-256 of the file as dbt computes it, hexadecimal: without the white space around it.
    pub checksum: String,
    /// That white space, with a zero between what stands before and behind; with the checksum it tells contents apart.
    pub margins: Vec<u8>,
}

impl ProjectFile {
    /// The file's name without its extension.
    pub fn stem(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or(&self.path);
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }
}
