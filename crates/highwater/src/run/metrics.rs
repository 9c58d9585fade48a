//! The metrics that the models of a backfill reach, as aggregates in SQL over those models; or why they are none.

use indexmap::IndexSet;
use regex::Regex;
use serde_json::Value;

use crate::backfill::{BackfillMetric, Formula, Measure};
use crate::manifest::{Manifest, Metric, SemanticModel, graph};

/// How deep metrics may be made of metrics.
const DEPTH: usize = 20;

/// The metrics that rest on these models, by name.
pub(super) fn metrics(manifest: &Manifest, ids: &IndexSet<String>) -> Vec<BackfillMetric> {
    let own: Vec<String> = ids.iter().cloned().collect();
    let below = graph::descendants(manifest, &own, None);
    let mut found: Vec<BackfillMetric> = below
        .keys()
        .filter_map(|id| manifest.metrics.get(id))
        .map(|metric| backfill_metric(manifest, metric))
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

/// `meta.highwater.backfill.tolerance` of a metric.
fn tolerance(metric: &Metric) -> Option<f64> {
    metric.config.highwater("backfill")?.get("tolerance")?.as_f64()
}

fn backfill_metric(manifest: &Manifest, metric: &Metric) -> BackfillMetric {
    let mut measures = Vec::new();
    let formula = formula(manifest, metric, &mut measures, 0).map(|formula| (formula, measures));
    BackfillMetric { name: metric.name.clone(), tolerance: tolerance(metric), formula }
}

fn text<'a>(value: &'a Value, key: &str) -> Option<&'a str> {
    value.get(key).and_then(Value::as_str)
}

fn formula(manifest: &Manifest, metric: &Metric, measures: &mut Vec<Measure>, depth: usize) -> Result<Formula, String> {
    if depth > DEPTH {
        return Err("it is made of itself".to_owned());
    }
    let params = &metric.type_params;
    let mut input = |input: &Value| -> Result<(String, Formula), String> {
        let name = text(input, "name").ok_or("an input has no name")?;
        if ["offset_window", "offset_to_grain"].iter().any(|key| input.get(key).is_some_and(|value| !value.is_null())) {
            return Err(format!("{name} goes in with an offset in time"));
        }
        let other = manifest.metrics.values().find(|other| other.name == name);
        let other = other.ok_or_else(|| format!("there is no metric {name}"))?;
        if input.get("filter").is_some_and(|filter| !filter.is_null()) && other.metric_type != "simple" {
            return Err(format!("{name} goes in with a filter, and is no simple metric"));
        }
        let with = Metric { filter: both(&other.filter, input.get("filter")), ..other.clone() };
        let formula = formula(manifest, &with, measures, depth + 1)?;
        Ok((text(input, "alias").unwrap_or(name).to_owned(), formula))
    };
    match metric.metric_type.as_str() {
        "simple" => simple(manifest, metric, measures),
        _ if !metric.filter.is_null() && metric.metric_type != "simple" => {
            Err("it has a filter, and is no simple metric".to_owned())
        }
        "ratio" => {
            let (_, over) = input(&params["numerator"])?;
            let (_, under) = input(&params["denominator"])?;
            Ok(Formula::Ratio(Box::new(over), Box::new(under)))
        }
        "derived" => {
            let expression = text(params, "expr").ok_or("it has no expression")?.to_owned();
            let inputs = params.get("metrics").and_then(Value::as_array).into_iter().flatten();
            Ok(Formula::Expression(expression, inputs.map(input).collect::<Result<_, _>>()?))
        }
        other => Err(format!("a {other} metric is more than what its partitions hold")),
    }
}

/// The conditions of two filters.
fn both(one: &Value, other: Option<&Value>) -> Value {
    let conditions =
        |filter: &Value| filter.get("where_filters").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut all = conditions(one);
    all.extend(other.map(conditions).unwrap_or_default());
    if all.is_empty() { Value::Null } else { serde_json::json!({ "where_filters": all }) }
}

/// A measure, under the conditions of the metric and of its use in it.
fn simple(manifest: &Manifest, metric: &Metric, measures: &mut Vec<Measure>) -> Result<Formula, String> {
    let used = &metric.type_params["measure"];
    let name = text(used, "name").ok_or("it names no measure")?;
    let model = manifest.semantic_models.values().find(|model| measure_of(model, name).is_some());
    let model = model.ok_or_else(|| format!("no semantic model has the measure {name}"))?;
    let measure = measure_of(model, name).ok_or_else(|| format!("there is no measure {name}"))?;
    if !measure["non_additive_dimension"].is_null() {
        return Err(format!("{name} does not add up over time"));
    }
    let table = model.depends_on.nodes.first().ok_or_else(|| format!("{} is of no model", model.name))?;
    let filter = both(&metric.filter, used.get("filter"));
    let conditions = filter.get("where_filters").and_then(Value::as_array).cloned().unwrap_or_default();
    let conditions: Vec<String> = conditions
        .iter()
        .filter_map(|condition| text(condition, "where_sql_template"))
        .map(|condition| rendered(model, condition).map(|condition| format!("({condition})")))
        .collect::<Result<_, _>>()?;
    let mut sql = aggregate(measure)?;
    if !conditions.is_empty() {
        sql = format!("{sql} filter (where {})", conditions.join(" and "));
    }
    measures.push(Measure { model: table.clone(), sql });
    Ok(Formula::Measure(measures.len() - 1))
}

fn measure_of<'a>(model: &'a SemanticModel, name: &str) -> Option<&'a Value> {
    part(model, "measures", name)
}

fn part<'a>(model: &'a SemanticModel, list: &str, name: &str) -> Option<&'a Value> {
    let mut parts = model.body.get(list).and_then(Value::as_array).into_iter().flatten();
    parts.find(|part| text(part, "name") == Some(name))
}

/// The aggregate of a measure.
fn aggregate(measure: &Value) -> Result<String, String> {
    let of = text(measure, "expr").or_else(|| text(measure, "name")).unwrap_or_default();
    let percentile = measure.pointer("/agg_params/percentile").and_then(Value::as_f64);
    let discrete = measure.pointer("/agg_params/use_discrete_percentile") == Some(&Value::Bool(true));
    Ok(match text(measure, "agg").unwrap_or_default() {
        "sum" => format!("sum({of})"),
        "count" => format!("count({of})"),
        "count_distinct" => format!("count(distinct {of})"),
        "average" => format!("avg({of})"),
        "min" => format!("min({of})"),
        "max" => format!("max({of})"),
        "sum_boolean" => format!("sum(case when {of} then 1 else 0 end)"),
        "median" => format!("percentile_cont(0.5) within group (order by {of})"),
        "percentile" => {
            let percentile = percentile.ok_or("its percentile is not said")?;
            let word = if discrete { "percentile_disc" } else { "percentile_cont" };
            format!("{word}({percentile}) within group (order by {of})")
        }
        other => return Err(format!("{other} is no aggregate that is known here")),
    })
}

/// A condition with the columns of its own semantic model in place of dimensions and entities.
fn rendered(model: &SemanticModel, condition: &str) -> Result<String, String> {
    let Ok(pattern) = Regex::new(
        r#"\{\{\s*(Dimension|TimeDimension|Entity)\(\s*['"]([^'"]+)['"]\s*(?:,\s*['"](\w+)['"]\s*)?\)\s*(?:\.grain\(\s*['"](\w+)['"]\s*\)\s*)?\}\}"#,
    ) else {
        return Err("its filter cannot be read".to_owned());
    };
    let mut problem = None;
    let mut column = |captures: &regex::Captures<'_>| -> String {
        let name = captures[2].rsplit("__").next().unwrap_or_default().to_owned();
        let own = captures[2].split_once("__").is_none_or(|(entity, _)| is_own(model, entity));
        let list = if &captures[1] == "Entity" { "entities" } else { "dimensions" };
        match part(model, list, &name).filter(|_| own) {
            Some(part) => {
                let column = format!("({})", text(part, "expr").unwrap_or(&name));
                match captures.get(3).or_else(|| captures.get(4)) {
                    Some(grain) => format!("date_trunc('{}', {column})", grain.as_str().to_lowercase()),
                    None => column,
                }
            }
            None => {
                problem = Some(format!("its filter needs {}, which lies on another model", &captures[2]));
                String::new()
            }
        }
    };
    let text = pattern.replace_all(condition, |captures: &regex::Captures<'_>| column(captures)).into_owned();
    match problem {
        Some(problem) => Err(problem),
        None if text.contains("{{") || text.contains("{%") => Err("its filter cannot be read".to_owned()),
        None => Ok(text),
    }
}

/// Whether an entity is the one whose rows the semantic model has.
fn is_own(model: &SemanticModel, entity: &str) -> bool {
    model.body.get("primary_entity").and_then(Value::as_str) == Some(entity)
        || part(model, "entities", entity).is_some_and(|part| matches!(text(part, "type"), Some("primary" | "unique")))
}
