//! Plan: what a run would do with every model, and why, on one snapshot and without writing.

use serde_json::json;

use crate::engine::{Connection, Relation, RelationKind};

use super::PlannedModel;
use super::dirty::{Dirty, labelled, listed, own_reason, reason};
use super::error::ExactError;
use super::foresee::{Shown, Work, among};
use super::job::{Job, number};
use super::ledger;
use super::logic::sha256;
use super::look::{Choice, GONE, Look, broken_promises, kept, left_alone, look, refuse, target};
use super::model::{ExactModel, RunIdentity, Surroundings};
use super::partials::{self, Spread};
use super::prepare::{Prepared, prepare};
use super::reads::{self, Reads};
use super::report::{ModelPlan, Plan, PlanCause, PlanState, PlannedPartition};
use super::scans::Known;

/// The analysis of a model's query; tests give their own.
pub(crate) type AnalyseModel<'a> = &'a dyn Fn(&ExactModel, &highwater_sql::Request) -> highwater_sql::Analysis;

/// What the models before had in store.
#[derive(Default)]
struct Ahead {
    /// Work on exact models.
    work: Vec<(Relation, Work)>,
    /// Tables that will be made anew, with their labels: nobody knows what they will hold.
    unknown: Vec<(Relation, String)>,
}

/// Plans models, parents first; see [`super::plan`].
pub(crate) fn plan(
    connection: &mut dyn Connection,
    models: &[PlannedModel],
    around: &Surroundings,
    run: &RunIdentity,
    analyse: AnalyseModel,
) -> Result<Plan, ExactError> {
    let mut ahead = Ahead::default();
    let mut plans = Vec::new();
    let Spread { models, around } = partials::spread(connection, models, around);
    let around = &around;
    let mut known = begin(connection, around)?;
    for (index, (planned, problem)) in models.iter().enumerate() {
        match planned {
            PlannedModel::Rebuilt { relation, .. } => ahead.unknown.push((relation.clone(), around.label(relation))),
            PlannedModel::Exact(model) => {
                let mut job = Job::new(connection, model, around, "hw");
                job.moment = run.started_at;
                job.scans = known.clone();
                if let Some(error) = problem {
                    plans.push(stuck(&job, PlanState::Refused, error));
                    continue;
                }
                let (plan, failed) = match one(&mut job, run, analyse, index, &mut ahead) {
                    Ok(plan) => (plan, false),
                    Err(error @ ExactError::NewerLedger { .. }) => {
                        ledger::rollback(&mut job);
                        return Err(error);
                    }
                    Err(error) => (stuck(&job, PlanState::Refused, &error), true),
                };
                plans.push(plan);
                known = std::mem::take(&mut job.scans);
                if failed {
                    // A failed statement may have ended the transaction, and with it the sets of the models before.
                    ledger::rollback(&mut job);
                    for (_, work) in &mut ahead.work {
                        *work = Work::Everything;
                    }
                    known = begin(connection, around)?;
                }
            }
        }
    }
    connection.rollback().map_err(|source| ExactError::Engine { model: "plan".to_owned(), source })?;
    Ok(sum_up(plans))
}

/// Starts a transaction on one snapshot; returns what was known before it.
fn begin(connection: &mut dyn Connection, around: &Surroundings) -> Result<Known, ExactError> {
    let known = around.scans.known(connection.quiet()).for_several();
    connection.begin_snapshot().map_err(|source| ExactError::Engine { model: "plan".to_owned(), source })?;
    Ok(known)
}

/// Plans the model of a number, and takes down what its children may expect.
fn one(
    job: &mut Job,
    run: &RunIdentity,
    analyse: AnalyseModel,
    index: usize,
    ahead: &mut Ahead,
) -> Result<ModelPlan, ExactError> {
    let model = job.model;
    let relation = model.relation.clone();
    let own = |request: &highwater_sql::Request| analyse(model, request);
    let standing = target(job)?.kind;
    let ours = ledger::exists(job, &relation)? && ledger::model(job, &relation)?.is_some();
    let prepared = match prepare(job, &run.engine_version, &own) {
        Ok(prepared) => prepared,
        // Before the first run the tables it reads may not be there yet.
        Err(ExactError::Unbound { .. }) if standing.is_none() => {
            ahead.work.push((relation, Work::Everything));
            return Ok(ModelPlan { problem: None, ..blank(job, PlanState::New) });
        }
        // It has been there, and its partials have not.
        Err(ExactError::Unbound { .. }) if model.partials.is_some() => {
            ahead.work.push((relation, Work::Everything));
            let whole = Some("partials are kept of it from now on".to_owned());
            return Ok(ModelPlan { whole, ..blank(job, PlanState::Whole) });
        }
        Err(error) => return Ok(stuck(job, PlanState::Refused, &error)),
    };
    if !ours || standing.is_none() {
        ahead.work.push((relation, Work::Everything));
        let reads = reads::first(job, &prepared)?;
        return Ok(read(first(job, &prepared, standing, ours), reads));
    }
    let look = look(job, &prepared, &ahead.work)?;
    if let Err(error) = refuse(job, &prepared, &look) {
        return Ok(stuck(job, PlanState::Refused, &error));
    }
    let mut plan = describe(job, &prepared, &look)?;
    plan.waits_for = prepared.inputs.iter().filter_map(|input| among(&input.relation, &ahead.unknown)).collect();
    plan.waits_for.dedup();
    if !plan.waits_for.is_empty() {
        // What waits below it must wait, too.
        ahead.unknown.push((relation.clone(), job.label.clone()));
        if plan.state == PlanState::Unchanged {
            plan.state = PlanState::Waits;
        }
    }
    match (&look.choice, &look.dirty) {
        (Choice::New | Choice::Whole { .. }, _) => ahead.work.push((relation, Work::Everything)),
        (Choice::Incremental, Some(dirty)) => {
            // The temporary tables of one model are filled anew for the next: a transaction that makes thousands gets slower with every one.
            let set = job.store(&format!("dirty_{index}"), &format!("select p from {}", dirty.set))?;
            ahead.work.push((relation, Work::Partitions { set, axis: prepared.axis.clone(), staged: None }));
        }
        _ => {}
    }
    Ok(plan)
}

/// A plan that says nothing yet.
fn blank(job: &Job, state: PlanState) -> ModelPlan {
    let cut = super::axis::Axis { partitioning: job.model.partitioning(), dialect: job.dialect }.cut();
    ModelPlan {
        unique_id: job.model.unique_id.clone(),
        label: job.label.clone(),
        cut,
        state,
        partitions: Vec::new(),
        dirty_count: 0,
        new_count: 0,
        partition_count: 0,
        rows_dirty: 0,
        rows_total: 0,
        rows_read: 0,
        rows_rebuild: 0,
        bytes_read: 0,
        bytes_rebuild: 0,
        milliseconds: None,
        milliseconds_rebuild: None,
        causes: Vec::new(),
        whole: None,
        waits_for: Vec::new(),
        estimate: false,
        null_rows: 0,
        early_rows: 0,
        future_rows: 0,
        findings: Vec::new(),
        problem: None,
        content: sha256(&job.model.sql),
    }
}

fn stuck(job: &Job, state: PlanState, error: &ExactError) -> ModelPlan {
    let findings = match error {
        ExactError::Refused { findings, .. }
        | ExactError::Strict { findings, .. }
        | ExactError::Partials { finding: findings, .. } => {
            findings.iter().map(|located| located.finding.clone()).collect()
        }
        _ => Vec::new(),
    };
    ModelPlan { problem: Some(error.to_string()), findings, ..blank(job, state) }
}

/// A model that has no table of ours yet.
fn first(job: &Job, prepared: &Prepared, standing: Option<RelationKind>, ours: bool) -> ModelPlan {
    let whole = match standing {
        None if ours => Some(GONE.to_owned()),
        None => None,
        Some(RelationKind::View | RelationKind::MaterializedView) => {
            Some("a view stands where its table should be".to_owned())
        }
        Some(RelationKind::Table) => Some("its table was not built by the exact strategy".to_owned()),
    };
    let state = if whole.is_none() { PlanState::New } else { PlanState::Whole };
    ModelPlan {
        whole,
        cut: prepared.axis.cut(),
        findings: Vec::new(),
        content: prepared.logic_version.clone(),
        ..blank(job, state)
    }
}

/// A look in the words of a plan.
fn describe(job: &mut Job, prepared: &Prepared, look: &Look) -> Result<ModelPlan, ExactError> {
    let kept = kept(job, prepared)?;
    let (state, whole, mut findings) = match &look.choice {
        Choice::New => (PlanState::New, None, Vec::new()),
        Choice::Whole { reason, findings, .. } => (PlanState::Whole, Some(reason.clone()), findings.clone()),
        Choice::Incremental => (PlanState::Dirty, None, Vec::new()),
        Choice::Note | Choice::Nothing => (PlanState::Unchanged, None, Vec::new()),
    };
    findings.extend(broken_promises(prepared, look));
    findings.extend(left_alone(prepared, look));
    let mut plan = ModelPlan {
        cut: prepared.axis.cut(),
        whole,
        findings,
        partition_count: kept.partitions,
        rows_total: kept.rows,
        null_rows: kept.null_rows,
        early_rows: kept.early_rows,
        future_rows: kept.future_rows,
        estimate: look.observations.iter().any(|observation| observation.foreseen) || look.awaited,
        ..blank(job, state)
    };
    let mut ids = String::new();
    if let Some(dirty) = look.dirty.as_ref().filter(|dirty| dirty.count > 0 || !dirty.all.is_empty()) {
        dirty_part(job, prepared, look, dirty, &mut plan)?;
        ids = content(job, dirty)?;
    }
    if matches!(state, PlanState::Whole | PlanState::Dirty) {
        let dirty = look.dirty.as_ref().filter(|_| state == PlanState::Dirty);
        plan = read(plan, reads::reads(job, prepared, &look.observations, dirty)?);
        let milliseconds = |seconds: Option<f64>| seconds.map(|seconds| (seconds * 1000.0).round() as u64);
        plan.milliseconds_rebuild = milliseconds(look.forecast.rebuild);
        plan.milliseconds =
            if state == PlanState::Whole { plan.milliseconds_rebuild } else { milliseconds(look.forecast.foreseen) };
    }
    if state == PlanState::Whole {
        plan.dirty_count = kept.partitions.max(plan.dirty_count);
        plan.rows_dirty = kept.rows;
    }
    let text = json!([plan.unique_id, plan.state, plan.whole, prepared.logic_version, ids]);
    plan.content = sha256(&text.to_string());
    Ok(plan)
}

/// A plan with what it reads.
fn read(plan: ModelPlan, reads: Reads) -> ModelPlan {
    let Reads { rows, rows_all, bytes, bytes_all } = reads;
    ModelPlan { rows_read: rows, rows_rebuild: rows_all, bytes_read: bytes, bytes_rebuild: bytes_all, ..plan }
}

/// Counts, first partitions and causes of a dirty set.
fn dirty_part(
    job: &mut Job,
    prepared: &Prepared,
    look: &Look,
    dirty: &Dirty,
    plan: &mut ModelPlan,
) -> Result<(), ExactError> {
    let kept = format!(
        "(select {} as p, row_count from {}.partitions where model = {} and row_count > 0)",
        prepared.axis.ledger_column(),
        ledger::schema(&job.model.relation),
        job.id()
    );
    let [new, rows] = job.numbers(&format!(
        "select count(*) filter (where kept.row_count is null), sum(kept.row_count)::bigint \
         from {} as dirty left join {kept} as kept on dirty.p is not distinct from kept.p",
        dirty.set
    ))?;
    (plan.dirty_count, plan.new_count, plan.rows_dirty) = (dirty.count, new, rows);
    let mut shown = vec![Shown::output(job.model.relation.sql(), &prepared.axis)];
    shown.extend(Shown::inputs(prepared));
    let partitions = listed(job, prepared, &look.observations, dirty, &shown)?;
    let labels = labelled(job, &prepared.axis, &job.temp("listed"), &shown)?;
    let known = job.query(&format!(
        "select labels.label from {labels} as labels join {kept} as kept on labels.p is not distinct from kept.p"
    ))?;
    let known: Vec<String> = known.rows.iter().map(|row| row[0].to_string()).collect();
    plan.partitions = partitions
        .into_iter()
        .map(|partition| PlannedPartition {
            new: !known.contains(&partition.label),
            label: partition.label,
            reasons: partition.reasons,
        })
        .collect();
    plan.causes = causes(job, prepared, look, dirty)?;
    Ok(())
}

fn causes(job: &mut Job, prepared: &Prepared, look: &Look, dirty: &Dirty) -> Result<Vec<PlanCause>, ExactError> {
    let table = job.query(&format!(
        "select term, count(*) from (select distinct term, p from {}) group by term order by term",
        dirty.why
    ))?;
    let mut causes: Vec<PlanCause> = dirty
        .all
        .iter()
        .map(|(table, finding)| PlanCause { table: table.clone(), reason: finding.message.clone(), partitions: 0 })
        .collect();
    for row in &table.rows {
        let term = usize::try_from(number(&row[0])).unwrap_or(usize::MAX);
        let partitions = number(&row[1]);
        causes.push(match prepared.analysis.terms.get(term) {
            Some(known) => {
                let input = prepared.term_inputs[term];
                let (input, observation) = (&prepared.inputs[input], &look.observations[input]);
                PlanCause { table: input.label.clone(), reason: reason(known, input, observation, None), partitions }
            }
            None => PlanCause { table: job.label.clone(), reason: own_reason(term).to_owned(), partitions },
        });
    }
    Ok(causes)
}

/// The whole dirty set as one hash, so that a plan can be told from another whatever it lists.
fn content(job: &mut Job, dirty: &Dirty) -> Result<String, ExactError> {
    let table = job.query(&format!(
        "select md5(coalesce(string_agg(coalesce(cast(p as varchar), 'NULL'), ',' order by p nulls last), '')) from {}",
        dirty.set
    ))?;
    Ok(table.scalar().map(ToString::to_string).unwrap_or_default())
}

fn sum_up(models: Vec<ModelPlan>) -> Plan {
    let contents: Vec<_> = models.iter().map(|plan| json!([plan.unique_id, plan.state, plan.content])).collect();
    let works = |plan: &&ModelPlan| matches!(plan.state, PlanState::New | PlanState::Dirty | PlanState::Whole);
    let sum = |count: fn(&ModelPlan) -> u64| models.iter().map(count).sum();
    Plan {
        hash: sha256(&json!(contents).to_string()),
        with_work: models.iter().filter(works).count() as u64,
        dirty_count: sum(|plan| plan.dirty_count),
        partition_count: sum(|plan| {
            plan.partition_count + if plan.state == PlanState::Dirty { plan.new_count } else { 0 }
        }),
        rows_dirty: sum(|plan| plan.rows_dirty),
        rows_total: sum(|plan| plan.rows_total),
        models,
    }
}
