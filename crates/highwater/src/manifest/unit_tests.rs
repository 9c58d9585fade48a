//! Unit tests of properties files: the model each is about, the rows it gives and those it expects.

use std::sync::LazyLock;

use indexmap::IndexMap;
use regex::Regex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::configure::{Configurer, Layer, tags};
use super::docs::Renderers;
use super::draft::{Parts, blank};
use super::issues::Issues;
use super::properties::{Described, name_of};
use super::resolve::{Found, Index};
use super::{Fixture, Manifest, Node, RefCall, ResourceType, SourceNode, UnitTest, python};
use crate::context::{Macros, ParseContext};
use crate::diagnostics::Diagnostic;
use crate::project::{FileKind, Package, Project};

/// What reading unit tests needs to know.
pub(super) struct Reader<'a> {
    pub project: &'a Project,
    pub macros: &'a std::sync::Arc<Macros>,
    pub renderers: &'a Renderers,
    pub configurer: &'a Configurer<'a>,
    pub disabled_sources: &'a [SourceNode],
}

impl<'a> Reader<'a> {
    /// Adds the unit tests to the manifest, one for each version of the model that they are about.
    pub fn read(&self, manifest: &mut Manifest, properties: &[Described], issues: &mut Issues) {
        let mut nodes = Vec::new();
        for described in properties.iter().filter(|described| described.list == "unit_tests") {
            match self.one(manifest, described, issues) {
                Ok(found) => nodes.extend(found),
                Err(problem) => issues.add(problem),
            }
        }
        for node in nodes {
            let known = manifest.nodes.get(&node.depends_on.nodes[0]);
            let enabled = node.config.enabled() && known.is_some();
            let into = if enabled { &mut manifest.nodes } else { &mut manifest.disabled };
            into.insert(node.unique_id.clone(), Box::new(node).into());
        }
    }

    fn one(&self, manifest: &Manifest, described: &Described, issues: &mut Issues) -> Result<Vec<Node>, Diagnostic> {
        let Some(package) = self.project.package(&described.package) else { return Ok(Vec::new()) };
        let asked = name_of(&described.yaml, "model", &described.file)?.unwrap_or_default();
        let mut words = asked.split_whitespace().map(str::to_owned);
        let call = RefCall { name: words.next().unwrap_or_default(), package: None, version: words.next() };
        let index = Index::new(manifest, self.disabled_sources);
        let (Found::Node(tested) | Found::Disabled(tested)) = index.find(&call, &described.package) else {
            let title =
                format!("the unit test `{}` is about the model `{asked}`, which does not exist", described.name);
            return Err(described.error("HW0226", title).help("name a model under `model:`"));
        };
        let written = described.yaml.json();
        let test = self.test(described, package, tested, &index, &written, manifest)?;
        check(described, tested, &test)?;
        let mut nodes = Vec::new();
        for model in versions(described, manifest, tested, &written)? {
            let mut node = self.node(described, package, model, &test);
            node.description = self.renderers.description(&described.package, &described.file, &described.yaml, issues);
            nodes.push(node);
        }
        Ok(nodes)
    }

    fn node(&self, described: &Described, package: &'a Package, model: &Node, test: &UnitTest) -> Node {
        let name = match &model.version {
            Some(version) => format!("{}_v{version}", described.name),
            None => described.name.clone(),
        };
        let parts = Parts {
            kind: ResourceType::UnitTest,
            path: format!("{}/{name}.sql", described.inner_path),
            original_file_path: described.path.clone(),
            fqn: described.fqn(&[&model.name, &name]),
            raw_code: String::new(),
            checksum: checksum(test, &described.yaml.json_of("versions")),
            name,
        };
        let mut node = *blank(self.project, package, parts);
        node.unique_id = format!("unit_test.{}.{}.{}", package.name, test.model, node.name);
        let own = Layer::new();
        let merged =
            self.configurer.configure(package, ResourceType::UnitTest, &node.fqn, Some(&described.config()), &own);
        (node.config, node.unrendered_config) = (merged.config, merged.written);
        node.tags = tags(&node.config);
        node.relation.database.clone_from(&model.relation.database);
        node.relation.schema.clone_from(&model.relation.schema);
        node.depends_on.nodes = vec![model.unique_id.clone()];
        node.attached_node = Some(model.unique_id.clone());
        node.version.clone_from(&model.version);
        // The test runs the model's own query.
        node.raw_code.clone_from(&model.raw_code);
        node.language.clone_from(&model.language);
        node.unit_test = Some(Box::new(test.clone()));
        node
    }

    fn test(
        &self,
        described: &Described,
        package: &Package,
        tested: &Node,
        index: &Index<'_>,
        written: &Value,
        manifest: &Manifest,
    ) -> Result<UnitTest, Diagnostic> {
        let mut given = Vec::new();
        for entry in written["given"].as_array().into_iter().flatten() {
            let input = entry["input"].as_str().unwrap_or_default().trim().to_owned();
            let node = self.input(described, tested, index, &input)?;
            let seed =
                manifest.nodes.get(&node).map(AsRef::as_ref).filter(|node| node.resource_type == ResourceType::Seed);
            given.push(fixture(described, package, entry, Some(input), node, seed)?);
        }
        Ok(UnitTest {
            model: tested.name.clone(),
            given,
            expect: fixture(described, package, &written["expect"], None, String::new(), None)?,
            overrides: written["overrides"].clone(),
        })
    }

    /// The unique id of what an `input` names: `ref('x')`, `source('a', 'b')` or `this`.
    fn input(
        &self,
        described: &Described,
        tested: &Node,
        index: &Index<'_>,
        input: &str,
    ) -> Result<String, Diagnostic> {
        if input == "this" {
            return Ok(tested.unique_id.clone());
        }
        let parse = ParseContext { project: self.project, macros: self.macros, messages: None };
        let captured =
            parse.capture(&described.package, &described.path, &format!("{{{{ {input} }}}}"), &Node::default())?;
        let found = match (captured.refs.first(), captured.sources.first()) {
            (Some(call), _) => match index.find(call, &described.package) {
                Found::Node(node) => Some(node.unique_id.clone()),
                _ => None,
            },
            (None, Some((source, table))) => index.find_source(source, table, &described.package).map(str::to_owned),
            (None, None) => None,
        };
        found.ok_or_else(|| {
            let title = format!("the input `{input}` of the unit test `{}` was not found", described.name);
            described.error("HW0226", title).help("an input is ref('model'), source('source', 'table') or this")
        })
    }
}

/// What dbt demands of tests of models that ask `is_incremental()`.
fn check(described: &Described, tested: &Node, test: &UnitTest) -> Result<(), Diagnostic> {
    if !tested.depends_on.macros.iter().any(|id| id == "macro.dbt.is_incremental") {
        return Ok(());
    }
    let wrong = |title: String, help: &str| Err(described.error("HW0226", title).help(help.to_owned()));
    let (name, model) = (&described.name, &tested.name);
    match test.overrides["macros"]["is_incremental"].as_bool() {
        None => wrong(
            format!("Boolean override for 'is_incremental' must be provided for unit test '{name}' in model '{model}'"),
            "add overrides: {macros: {is_incremental: true}}, or false",
        ),
        Some(true) if !test.given.iter().any(|given| given.node == tested.unique_id) => wrong(
            format!("Unit test '{name}' for incremental model '{model}' must have a 'this' input"),
            "give the rows of the table as it was: {input: this, rows: [...]}",
        ),
        Some(_) => Ok(()),
    }
}

/// dbt's digest of everything but words: what Python shows of the test.
fn checksum(test: &UnitTest, versions: &Value) -> String {
    let part = |of: &Value, key: &str, otherwise: &Value| python::literal(of.get(key).unwrap_or(otherwise));
    let fixture = |of: &Fixture| {
        let format = match of.format.as_str() {
            "csv" => "CSV",
            "sql" => "SQL",
            _ => "Dict",
        };
        let file = of.fixture.clone().map_or(Value::Null, Value::String);
        format!(
            "rows={}, format=<UnitTestFormat.{format}: '{}'>, fixture={}",
            python::literal(&of.rows),
            of.format,
            python::literal(&file),
        )
    };
    let given = test.given.iter().map(|given| {
        let input = Value::from(given.input.clone().unwrap_or_default());
        format!("UnitTestInputFixture(input={}, {})", python::literal(&input), fixture(given))
    });
    let given: Vec<String> = given.collect();
    let versions = match versions.is_null() {
        true => "None".to_owned(),
        false => {
            let of = |key| part(versions, key, &Value::Null);
            format!("UnitTestNodeVersions(include={}, exclude={})", of("include"), of("exclude"))
        }
    };
    let overrides = match test.overrides.is_null() {
        true => "None".to_owned(),
        false => {
            let of = |key| part(&test.overrides, key, &Value::Object(Map::new()));
            format!("UnitTestOverrides(macros={}, vars={}, env_vars={})", of("macros"), of("vars"), of("env_vars"))
        }
    };
    let expect = format!("UnitTestOutputFixture({})", fixture(&test.expect));
    let mut text = format!("{}-{versions}-[{}]-{expect}-{overrides}", test.model, given.join(", "));
    for given in test.given.iter().filter(|given| given.fixture.is_some()) {
        text.push_str(&format!("-{}", python::text(&given.rows)));
    }
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The versions of the model that a test is about.
fn versions<'m>(
    described: &Described,
    manifest: &'m Manifest,
    tested: &'m Node,
    written: &Value,
) -> Result<Vec<&'m Node>, Diagnostic> {
    let listed = |key: &str| -> Option<Vec<String>> {
        let items = written["versions"][key].as_array()?;
        Some(items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect())
    };
    let (include, exclude) = (listed("include"), listed("exclude"));
    let Some(_) = &tested.version else {
        if include.is_none() && exclude.is_none() {
            return Ok(vec![tested]);
        }
        let title = format!("the unit test `{}` names versions, and `{}` has none", described.name, tested.name);
        return Err(described.error("HW0226", title).help("remove `versions:`"));
    };
    let all = manifest.nodes.values().filter(|node| {
        node.resource_type == ResourceType::Model
            && node.name == tested.name
            && node.package_name == tested.package_name
    });
    let wanted = |node: &&Node| {
        let version = node.version.clone().unwrap_or_default();
        match (&exclude, &include) {
            (Some(exclude), _) => !exclude.contains(&version),
            (None, Some(include)) => include.contains(&version),
            (None, None) => true,
        }
    };
    let found: Vec<&Node> = all.map(AsRef::as_ref).filter(wanted).collect();
    if found.is_empty() {
        let title =
            format!("the unit test `{}` is about a version of `{}` that does not exist", described.name, tested.name);
        return Err(described.error("HW0226", title).help("correct `versions:`"));
    }
    Ok(found)
}

/// Rows as written, of a file, or of a seed; CSV becomes rows, SQL stays text.
fn fixture(
    described: &Described,
    package: &Package,
    entry: &Value,
    input: Option<String>,
    node: String,
    seed: Option<&Node>,
) -> Result<Fixture, Diagnostic> {
    let format = entry["format"].as_str().unwrap_or("dict").to_lowercase();
    let file = entry["fixture"].as_str();
    let what = input.clone().unwrap_or_else(|| "what is expected".to_owned());
    let wrong = |reason: &str| {
        let title = format!("{what} of the unit test `{}`: {reason}", described.name);
        described
            .error("HW0226", title)
            .help("rows are a list of mappings; with format: csv or format: sql they are text")
    };
    let text = match file {
        None => entry["rows"].as_str().map(str::to_owned),
        Some(name) => Some(fixture_file(package, name).ok_or_else(|| wrong(&format!("there is no fixture `{name}`")))?),
    };
    let mut rows = match (format.as_str(), text) {
        ("csv", Some(text)) => csv_rows(&text),
        ("sql", Some(text)) => Value::String(text),
        ("dict", None) if entry["rows"].is_array() => entry["rows"].clone(),
        ("dict", None) if entry["rows"].is_null() => match seed {
            Some(seed) => {
                let text = std::fs::read_to_string(seed.root.join(&seed.original_file_path));
                csv_rows(&text.map_err(|error| wrong(&error.to_string()))?)
            }
            None => return Err(wrong("there are no rows")),
        },
        ("dict" | "csv" | "sql", _) => return Err(wrong(&format!("rows do not match the format {format}"))),
        _ => return Err(wrong(&format!("the format {format} is none of dict, csv and sql"))),
    };
    if format == "dict" {
        rows.as_array_mut().into_iter().flatten().for_each(whole_offsets);
    }
    promote_whole_row(&mut rows);
    Ok(Fixture { input, format, fixture: file.map(str::to_owned), rows, node })
}

/// Moments that YAML allows with half an offset (`2026-02-01 10:00:00-0`) get a whole one, as no engine reads the short one.
fn whole_offsets(row: &mut Value) {
    static SHORT: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^(\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?) ?([-+])(\d\d?)$").expect("a pattern")
    });
    for value in row.as_object_mut().into_iter().flat_map(|row| row.values_mut()) {
        if let Some(found) = value.as_str().and_then(|text| SHORT.captures(text)) {
            *value = Value::String(format!("{}{}{:0>2}:00", &found[1], &found[2], &found[3]));
        }
    }
}

/// The text of a file below `tests/fixtures`.
fn fixture_file(package: &Package, name: &str) -> Option<String> {
    package.files_of(FileKind::Fixture).find(|file| file.stem() == name).map(|file| file.source.text.trim().to_owned())
}

/// The first row without NULL comes first: some engines take the types of columns from it.
fn promote_whole_row(rows: &mut Value) {
    let Some(rows) = rows.as_array_mut() else { return };
    let whole = |row: &Value| row.as_object().is_some_and(|row| row.values().all(|value| !value.is_null()));
    if let Some(index) = rows.iter().position(whole) {
        rows.swap(0, index);
    }
}

/// CSV with a header as a list of mappings; empty values are NULL.
fn csv_rows(text: &str) -> Value {
    let mut records = records(text).into_iter();
    let header = records.next().unwrap_or_default();
    let row = |record: Vec<String>| {
        let cells = header.iter().cloned().zip(record.into_iter().map(Some).chain(std::iter::repeat(None)));
        let cells: IndexMap<String, Value> = cells
            .map(|(name, cell)| (name, cell.filter(|cell| !cell.is_empty()).map_or(Value::Null, Value::String)))
            .collect();
        Value::Object(cells.into_iter().collect::<Map<String, Value>>())
    };
    Value::Array(records.map(row).collect())
}

/// Lines of cells; quotes hold commas, line ends and doubled quotes.
fn records(text: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut quoted, mut some) = (false, false);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => {
                quoted = !quoted;
                some = true;
            }
            ',' if !quoted => {
                record.push(std::mem::take(&mut cell));
                some = true;
            }
            '\n' if !quoted => {
                if some || !cell.is_empty() {
                    record.push(std::mem::take(&mut cell));
                    records.push(std::mem::take(&mut record));
                }
                some = false;
            }
            '\r' if !quoted => {}
            other => cell.push(other),
        }
    }
    if some || !cell.is_empty() {
        record.push(cell);
        records.push(record);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_becomes_rows() {
        let rows = csv_rows("id,name\n\n1,\"a, \"\"b\"\"\"\r\n2,\n3");
        insta::assert_snapshot!(rows.to_string(), @r#"[{"id":"1","name":"a, \"b\""},{"id":"2","name":null},{"id":"3","name":null}]"#);
    }
}
