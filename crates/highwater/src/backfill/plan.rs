//! Planning: the models in their order, each with its scope, on one snapshot; the document, and the rows in the ledger that hold what was seen.

use crate::engine::quote_literal;
use crate::exact::Cut;
use crate::exact::cost::history;
use crate::exact::detect::record;
use crate::exact::dirty::labelled;
use crate::exact::foresee::{Shown, Work};
use crate::exact::job::{Job, number};
use crate::exact::ledger;
use crate::exact::reads::bytes;

use super::document::{Document, InputPart, ModelPart};
use super::error::BackfillError;
use super::request::Request;
use super::scope::{Ahead, Outcome, Scoped, scope};
use super::site::{Reached, Site};
use super::store::{State, entry, moment, tables};

/// Keys that are named in a plan; of intervals all are, as ranges.
const NAMED: usize = 20;

/// Plans: computes the document, and takes down in the ledger what it was computed on. The ids in `reached.owed` are completed by what cannot be
/// backfilled.
///
/// # Errors
/// When nothing is to be done, or something that was asked for cannot be.
pub fn plan(
    site: &mut Site,
    request: &Request,
    project: &str,
    database: &str,
    mut reached: Reached,
) -> Result<Document, BackfillError> {
    request.check()?;
    let schema = site.ledger()?;
    let run = site.run.clone();
    for place in 0..site.models.len() {
        if site.models[place].selected {
            let mut job = site.job(place);
            if ledger::epoch(&mut job)?.is_none() {
                ledger::create(&mut job, &run)?;
            }
        }
    }
    site.transaction(|site| {
        let mut ahead = Ahead::default();
        let mut scoped = Vec::new();
        for place in 0..site.models.len() {
            match scope(site, place, request, &ahead)? {
                Outcome::Scoped(found) => {
                    let relation = &site.models[place].model.relation;
                    ahead.work.push((relation.clone(), work(&found)));
                    if found.columns.is_some() {
                        ahead.shapes.push((relation.clone(), found.prepared.output.clone()));
                    }
                    scoped.push((place, *found));
                }
                Outcome::Untouched => {}
                Outcome::Owed => reached.owed.push(site.around.label(&site.models[place].model.relation)),
            }
        }
        if scoped.is_empty() {
            return Err(BackfillError::nothing("no partition of the selected models is named, or needs it"));
        }
        reached.owed.sort();
        reached.owed.dedup();
        let mut models = Vec::new();
        for (place, found) in &scoped {
            models.push(part(site, *place, found)?);
        }
        let candidates = site.models;
        let of =
            |number: fn(&super::BackfillModel) -> u32| scoped.iter().map(move |(place, _)| number(&candidates[*place]));
        let document = Document {
            project: project.to_owned(),
            database: database.to_owned(),
            request: request.clone(),
            models,
            reached,
            approvals: of(|model| model.approvals).max().unwrap_or(0),
            expires_days: of(|model| model.expires_days).min().unwrap_or(0),
            keep_days: of(|model| model.keep_days).min().unwrap_or(0),
        };
        remember(site, &schema, &document, &scoped)?;
        for (place, _) in &scoped {
            site.job(*place).reach("planned");
        }
        Ok(document)
    })
}

/// What models downstream have to expect.
fn work(found: &Scoped) -> Work {
    match found.whole {
        Some(_) => Work::Everything,
        None => Work::Partitions { set: found.set.clone(), axis: found.prepared.axis.clone(), staged: None },
    }
}

/// One model, for the document.
fn part(site: &mut Site, place: usize, found: &Scoped) -> Result<ModelPart, BackfillError> {
    let models = site.models;
    let model = &models[place];
    let mut job = site.job(place);
    let Scoped { prepared, set, before, .. } = found;
    let count = job.count(&format!("select count(*) from {set}"))?;
    let rows = job.count(&format!("select sum(n)::bigint from {before}"))?;
    let begin = model.model.begin.as_ref().filter(|_| prepared.axis.unit().is_some());
    let before_begin = match begin {
        Some(begin) => {
            job.count(&format!("select count(*) from {set} where p < cast({} as timestamp)", quote_literal(begin)))?
        }
        None => 0,
    };
    let state = job.query(&format!(
        "select md5(coalesce(string_agg(coalesce(cast(p as varchar), 'NULL') || ' ' || cast(n as varchar) || ' ' || cast(f as varchar), ',' \
         order by p nulls last), '')) from {before}"
    ))?;
    let width: u64 = prepared.output.iter().map(|column| bytes(&column.data_type)).sum();
    let mut inputs: Vec<InputPart> = Vec::new();
    for (input, observation) in prepared.inputs.iter().zip(&found.observations) {
        inputs.push(InputPart { table: input.label.clone(), state: observation.state(&mut job)? });
    }
    Ok(ModelPart {
        unique_id: model.model.unique_id.clone(),
        label: job.label.clone(),
        table: model.model.relation.sql(),
        strategy: model.strategy.clone(),
        selected: model.selected,
        cut: cut_words(&prepared.axis.cut()),
        amount: prepared.axis.cut().count(count),
        whole: found.whole.clone(),
        columns: found.columns.clone(),
        partitions: names(&mut job, found)?,
        partition_count: count,
        rows,
        bytes: rows * width,
        milliseconds: milliseconds(&mut job, model.is_exact, count)?,
        before_begin,
        protected: model.protected,
        why: found.why.clone(),
        tests: model.tests.iter().map(|test| test.name.clone()).collect(),
        logic: prepared.logic_version.clone(),
        state: state.scalar().map(|cell| cell.to_string()[..12].to_owned()).unwrap_or_default(),
        inputs,
    })
}

/// What building so many partitions takes: by what the last backfill took, or else by runs.
fn milliseconds(job: &mut Job, is_exact: bool, count: u64) -> Result<Option<u64>, BackfillError> {
    let (schema, model) = (ledger::schema(&job.model.relation), job.id());
    let staged = job.query(&format!(
        "select sum(parts.seconds) / count(*) from {schema}.backfill_partitions as parts join {schema}.backfills as b on b.backfill = parts.backfill \
         where parts.model = {model} and parts.seconds is not null group by b.backfill, b.changed_at order by b.changed_at desc, b.backfill limit 1"
    ))?;
    let rounded = |seconds: f64| (seconds * 1000.0).round() as u64;
    if let Some(each) = staged.scalar().and_then(|cell| cell.to_string().parse::<f64>().ok()) {
        return Ok(Some(rounded(each * count as f64)));
    }
    if !is_exact {
        return Ok(None);
    }
    let all =
        job.count(&format!("select count(*) from {schema}.partitions where model = {model} and row_count > 0",))?;
    let forecast = history(job)?.forecast(count, all);
    let share = forecast.rebuild.map(|rebuild| rebuild * count as f64 / all.max(count).max(1) as f64);
    Ok(forecast.foreseen.or(share).map(rounded))
}

fn cut_words(cut: &Cut) -> String {
    match cut {
        Cut::Interval { column, unit } => format!("{unit} of {column}"),
        Cut::Key { columns } => columns.join(", "),
        Cut::Whole => "not cut".to_owned(),
    }
}

/// The names of the partitions: intervals as ranges, the first of keys.
fn names(job: &mut Job, found: &Scoped) -> Result<Vec<String>, BackfillError> {
    let axis = &found.prepared.axis;
    match axis.unit() {
        None => {
            let first = job.store("named", &format!("select p from {} order by p limit {NAMED}", found.set))?;
            let labels = labelled(job, axis, &first, &[Shown::output(job.model.relation.sql(), axis)])?;
            let table = job.query(&format!("select label from {labels} order by label"))?;
            let mut names: Vec<String> = table.rows.iter().map(|row| row[0].to_string()).collect();
            let more = job.count(&format!("select count(*) from {}", found.set))?.saturating_sub(NAMED as u64);
            if more > 0 {
                names.push(format!("and {more} more"));
            }
            Ok(names)
        }
        Some(unit) => {
            let word = unit.word();
            let (first, last) = (axis.label("min(p)"), axis.label("max(p)"));
            let table = job.query(&format!(
                "with marked as (select p, p is distinct from lag(p) over (order by p nulls last) + interval '1 {word}' as starts from {0}), \
                 grouped as (select p, count(*) filter (where starts) over (order by p nulls last) as run from marked) \
                 select {first}, {last}, count(*) from grouped group by run order by min(p) nulls last",
                found.set
            ))?;
            let range = |row: &Vec<crate::engine::Cell>| match number(&row[2]) {
                1 => row[0].to_string(),
                _ => format!("{}..{}", row[0], row[1]),
            };
            Ok(table.rows.iter().map(range).collect())
        }
    }
}

/// Writes the plan into the ledger, unless the same plan is there.
fn remember(
    site: &mut Site,
    schema: &str,
    document: &Document,
    scoped: &[(usize, Scoped)],
) -> Result<(), BackfillError> {
    let id = document.id();
    let known = entry(site.connection, schema, &id).map_err(|error| site.job(0).error(error))?;
    match known.map(|entry| entry.state) {
        Some(State::Abandoned) => forget(site, schema, &id)?,
        Some(_) => return Ok(()),
        None => {}
    }
    let (run, literal) = (site.run.clone(), quote_literal(&id));
    let now = moment(run.started_at);
    site.job(0).execute(&format!(
        "insert into {schema}.backfills (backfill, hash, state, record, planned_at, changed_at) \
         values ({literal}, {}, {}, '[]', {now}, {now})",
        quote_literal(&document.hash()),
        quote_literal(State::Planned.word())
    ))?;
    for (at, (place, found)) in scoped.iter().enumerate() {
        let sides = tables(schema, &id, at);
        let mut job = site.job(*place);
        let model = job.id();
        let column = found.prepared.axis.ledger_column();
        job.execute(&format!(
            "insert into {schema}.backfill_models (backfill, model, place, salt, stage, kept) values ({literal}, {model}, {at}, {}, {}, {})",
            found.salt,
            quote_literal(&sides.stage),
            quote_literal(&sides.kept)
        ))?;
        job.execute(&format!(
            "insert into {schema}.backfill_partitions (backfill, model, {column}, batch, staged, rows_before, fingerprint_before) \
             select {literal}, {model}, named.p, 0, false, coalesce(before.n, 0), coalesce(before.f, 0) \
             from {} as named left join {} as before on named.p is not distinct from before.p",
            found.set, found.before
        ))?;
        job.shadow = Some(shadow(&id));
        record(&mut job, &found.prepared, &found.observations, true, &run)?;
    }
    Ok(())
}

/// The name under which the ledger keeps what a backfill was planned on.
pub(crate) fn shadow(id: &str) -> String {
    format!("backfill {id}")
}

/// Takes every trace of a backfill out of the ledger but its own row.
pub(crate) fn forget_seen(site: &mut Site, schema: &str, id: &str) -> Result<(), BackfillError> {
    let like = quote_literal(&format!("{}/%", shadow(id)));
    for table in ["inputs", "fingerprints"] {
        site.job(0).execute(&format!("delete from {schema}.{table} where model like {like}"))?;
    }
    Ok(())
}

/// Takes every trace of a backfill out of the ledger.
fn forget(site: &mut Site, schema: &str, id: &str) -> Result<(), BackfillError> {
    forget_seen(site, schema, id)?;
    for table in ["backfills", "backfill_models", "backfill_partitions"] {
        site.job(0).execute(&format!("delete from {schema}.{table} where backfill = {}", quote_literal(id)))?;
    }
    Ok(())
}
