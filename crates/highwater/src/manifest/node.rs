//! Nodes as plain data.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Config;
use crate::engine::{Bare, Relation};

/// What a node is, in dbt's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are dbt's own and say it all")]
pub enum ResourceType {
    #[default]
    Model,
    Seed,
    Snapshot,
    Test,
    Analysis,
    Operation,
    Source,
    Exposure,
    Metric,
    Macro,
    UnitTest,
    SemanticModel,
    SavedQuery,
}

impl ResourceType {
    /// The word in unique ids and selectors.
    pub fn word(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Seed => "seed",
            Self::Snapshot => "snapshot",
            Self::Test => "test",
            Self::Analysis => "analysis",
            Self::Operation => "operation",
            Self::Source => "source",
            Self::Exposure => "exposure",
            Self::Metric => "metric",
            Self::Macro => "macro",
            Self::UnitTest => "unit_test",
            Self::SemanticModel => "semantic_model",
            Self::SavedQuery => "saved_query",
        }
    }
}

/// A call of `ref`: `ref('package', 'name', version=1)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RefCall {
    /// The node's name.
    pub name: String,
    /// The package, when the call names one.
    pub package: Option<String>,
    /// The version, when the call names one.
    pub version: Option<String>,
}

/// What a node needs: unique ids.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependencies {
    /// Macros its template calls.
    pub macros: Vec<String>,
    /// Nodes and sources it reads.
    pub nodes: Vec<String>,
}

/// Digest of a node's file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Always `sha256`, as in dbt's artifacts.
    pub name: String,
    /// Hexadecimal digits.
    pub checksum: String,
}

/// A column as the properties describe it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ColumnProperties {
    /// Column name.
    pub name: String,
    /// Description, docs blocks rendered.
    pub description: String,
    /// Unique ids of the docs blocks in it.
    pub doc_blocks: Vec<String>,
    /// Declared type.
    pub data_type: Option<String>,
    /// Free-form metadata.
    pub meta: IndexMap<String, Value>,
    /// Tags.
    pub tags: Vec<String>,
    /// Whether the name must be quoted.
    pub quote: Option<bool>,
    /// Constraints as written.
    pub constraints: Vec<Value>,
    /// `granularity` of a column of time.
    pub granularity: Option<String>,
    /// Keys that mean nothing here: packages read them.
    pub others: IndexMap<String, Value>,
}

/// What a generic test was made from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestMetadata {
    /// `unique`, `not_null`, ... without the `test_` of its macro.
    pub name: String,
    /// Arguments with which the macro is called, `model` and `column_name` included.
    pub kwargs: IndexMap<String, Value>,
    /// Package of the macro, when the properties name one.
    pub namespace: Option<String>,
}

/// Rows that a unit test gives or expects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fixture {
    /// What they stand for, as written: `ref('x')`; none for those that are expected.
    pub input: Option<String>,
    /// `dict`, `csv` or `sql`.
    pub format: String,
    /// Name of the file they come from.
    pub fixture: Option<String>,
    /// A list of mappings, or the text of a query.
    pub rows: Value,
    /// Unique id of what they stand for.
    pub node: String,
}

/// What a unit test is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnitTest {
    /// Name of the model.
    pub model: String,
    /// Rows of its inputs.
    pub given: Vec<Fixture>,
    /// Rows that should come out.
    pub expect: Fixture,
    /// `macros`, `vars` and `env_vars`, as written.
    pub overrides: Value,
}

/// A model, seed, snapshot, test, analysis or hook. Artifacts have a shape of their own.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// `model.package.name`.
    pub unique_id: String,
    /// What it is.
    pub resource_type: ResourceType,
    /// Name, without version.
    pub name: String,
    /// Package it belongs to.
    pub package_name: String,
    /// Path relative to the folder its kind lives in (`staging/stg_orders.sql`).
    pub path: String,
    /// Path relative to the project or package root (`models/staging/stg_orders.sql`).
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
    /// Where it is built; for ephemeral models and analyses the place it would have.
    pub relation: Relation,
    /// Which parts of that are written without quotes.
    pub bare: Bare,
    /// Everything merged.
    pub config: Config,
    /// What was written, without defaults: dbt compares it between two states of a project.
    pub unrendered_config: Config,
    /// The template, as in the file (for generic tests: the call of its macro).
    pub raw_code: String,
    /// `sql`, or `python`.
    pub language: String,
    /// Every `ref` of a parse with `execute` false, in order.
    pub refs: Vec<RefCall>,
    /// Every `source(source, table)` of a parse.
    pub sources: Vec<(String, String)>,
    /// What these came to.
    pub depends_on: Dependencies,
    /// Description.
    pub description: String,
    /// Unique ids of the docs blocks in it.
    pub doc_blocks: Vec<String>,
    /// Columns by name.
    pub columns: IndexMap<String, ColumnProperties>,
    /// Tags.
    pub tags: Vec<String>,
    /// `package://path` of the properties file.
    pub patch_path: Option<String>,
    /// Digest of the file.
    pub checksum: Checksum,
    /// For generic tests.
    pub test_metadata: Option<TestMetadata>,
    /// For tests: the node they are attached to.
    pub attached_node: Option<String>,
    /// For tests on a column.
    pub column_name: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// `private`, `protected` or `public`.
    pub access: Option<String>,
    /// Version of a versioned model.
    pub version: Option<String>,
    /// The newest version of that model.
    pub latest_version: Option<String>,
    /// Constraints as written.
    pub constraints: Vec<Value>,
    /// For unit tests.
    pub unit_test: Option<Box<UnitTest>>,
    /// `deprecation_date` of a model, as written.
    pub deprecation_date: Option<String>,
    /// `time_spine` of a model that lists moments.
    pub time_spine: Option<Box<Value>>,
    /// Columns that constraints or tests declare to be a model's key.
    pub primary_key: Vec<String>,
    /// Absolute folder of the package, to read seeds from; not part of any artifact.
    pub root: std::path::PathBuf,
}

impl Node {
    /// Whether other nodes can `ref` it.
    pub fn is_refable(&self) -> bool {
        matches!(self.resource_type, ResourceType::Model | ResourceType::Seed | ResourceType::Snapshot)
    }

    /// Gives back the room that its lists have left: there are many nodes, and most lists of theirs have one item.
    pub(crate) fn shrink(&mut self) {
        self.fqn.shrink_to_fit();
        self.refs.shrink_to_fit();
        self.sources.shrink_to_fit();
        self.depends_on.macros.shrink_to_fit();
        self.columns.shrink_to_fit();
        self.tags.shrink_to_fit();
        if let Some(metadata) = &mut self.test_metadata {
            metadata.kwargs.shrink_to_fit();
        }
    }

    /// Whether it leaves a table or view of its own behind.
    pub fn is_relational(&self) -> bool {
        self.is_refable() && self.config.materialized() != "ephemeral"
    }
}

/// A table of a source.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceNode {
    /// `source.package.source.table`.
    pub unique_id: String,
    /// Package.
    pub package_name: String,
    /// Source.
    pub source_name: String,
    /// Table, as templates name it.
    pub name: String,
    /// Where it lies.
    pub relation: Relation,
    /// `quoting` of the source under that of the table: in queries nothing else counts for its name.
    pub quoting: Value,
    /// Which parts of its name artifacts write without quotes: there the project's `quoting` counts, too.
    pub bare: Bare,
    /// Configuration (`event_time`, `loaded_at_field`, `enabled`, meta).
    pub config: Config,
    /// `loaded_at_field`.
    pub loaded_at_field: Option<String>,
    /// Query for the newest load time, instead of `loaded_at_field`.
    pub loaded_at_query: Option<String>,
    /// Freshness: what source and table say, the table's word last.
    pub freshness: Value,
    /// `external` as written.
    pub external: Value,
    /// What was written, without defaults.
    pub unrendered_config: Config,
    /// Database and schema before they were rendered.
    pub place_as_written: [Option<String>; 2],
    /// `meta` of the source, without the table's.
    pub source_meta: IndexMap<String, Value>,
    /// Description of the table.
    pub description: String,
    /// Unique ids of the docs blocks in it.
    pub doc_blocks: Vec<String>,
    /// Description of the source.
    pub source_description: String,
    /// Who loads it.
    pub loader: String,
    /// Columns by name.
    pub columns: IndexMap<String, ColumnProperties>,
    /// Tags.
    pub tags: Vec<String>,
    /// Properties file.
    pub original_file_path: String,
    /// Package, folders, source, table.
    pub fqn: Vec<String>,
}

/// Who answers for something.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Name.
    pub name: Option<String>,
    /// Mail address.
    pub email: Option<String>,
}

/// A use of the data outside the project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Exposure {
    /// `exposure.package.name`.
    pub unique_id: String,
    /// Name.
    pub name: String,
    /// Package.
    pub package_name: String,
    /// dashboard, notebook, analysis, ml, application.
    pub exposure_type: String,
    /// Name for people.
    pub label: Option<String>,
    /// Where to see it.
    pub url: Option<String>,
    /// low, medium, high.
    pub maturity: Option<String>,
    /// Description.
    pub description: String,
    /// Who answers for it.
    pub owner: Owner,
    /// What it reads.
    pub depends_on: Dependencies,
    /// Configuration.
    pub config: Config,
    /// What was written, without defaults.
    pub unrendered_config: Config,
    /// Tags.
    pub tags: Vec<String>,
    /// Properties file.
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
}

/// A metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `metric.package.name`.
    pub unique_id: String,
    /// Name.
    pub name: String,
    /// Package.
    pub package_name: String,
    /// Name for people.
    pub label: String,
    /// Description.
    pub description: String,
    /// simple, ratio, derived, cumulative, conversion.
    pub metric_type: String,
    /// `type_params` in the shape of dbt's manifest.
    pub type_params: Value,
    /// Conditions, in the shape of dbt's manifest; null without any.
    pub filter: Value,
    /// The grain of time it is asked for by, when none is named.
    pub time_granularity: Option<String>,
    /// Semantic models, metrics and models it rests on.
    pub depends_on: Dependencies,
    /// Configuration.
    pub config: Config,
    /// Tags.
    pub tags: Vec<String>,
    /// Properties file.
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
}

/// A semantic model: what a model means to metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SemanticModel {
    /// `semantic_model.package.name`.
    pub unique_id: String,
    /// Name.
    pub name: String,
    /// Package.
    pub package_name: String,
    /// Description.
    pub description: Option<String>,
    /// `model`, `entities`, `dimensions`, `measures` and the rest, in the shape of dbt's manifest.
    pub body: Value,
    /// The model.
    pub depends_on: Dependencies,
    /// Configuration.
    pub config: Config,
    /// Properties file.
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
}

/// A saved query: metrics asked for together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SavedQuery {
    /// `saved_query.package.name`.
    pub unique_id: String,
    /// Name.
    pub name: String,
    /// Package.
    pub package_name: String,
    /// Description.
    pub description: Option<String>,
    /// `query_params`, `exports` and `label`, in the shape of dbt's manifest.
    pub body: Value,
    /// The metrics.
    pub depends_on: Dependencies,
    /// Configuration.
    pub config: Config,
    /// Tags.
    pub tags: Vec<String>,
    /// Properties file.
    pub original_file_path: String,
    /// Package, folders, name.
    pub fqn: Vec<String>,
}

/// A macro.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MacroNode {
    /// `macro.package.name`.
    pub unique_id: String,
    /// Name (`test_unique` for the generic test `unique`).
    pub name: String,
    /// Package.
    pub package_name: String,
    /// File, relative to the package root.
    pub original_file_path: String,
    /// Its text, tags included.
    pub macro_sql: String,
    /// Description.
    pub description: String,
    /// Argument names.
    pub arguments: Vec<String>,
    /// What a properties file says about arguments: objects of `name`, `type` and `description`.
    pub described: Vec<Value>,
    /// Unique ids of the macros it calls, in any branch.
    pub calls: Vec<String>,
    /// `package://path` of the properties file.
    pub patch_path: Option<String>,
    /// For materializations: the languages of models they take.
    pub supported_languages: Option<Vec<String>>,
}

/// A `{% docs %}` block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DocsBlock {
    /// `doc.package.name`.
    pub unique_id: String,
    /// Name.
    pub name: String,
    /// Package.
    pub package_name: String,
    /// File, relative to the folder it was found in.
    pub path: String,
    /// File, relative to the package root.
    pub original_file_path: String,
    /// The text between the tags.
    pub text: String,
}
