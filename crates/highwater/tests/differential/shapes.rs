//! Every shape of query that the library's own tests read on DuckDB, on PostgreSQL.

#[path = "../../src/exact/tests/shapes.rs"]
mod list;

use highwater::exact::{self, ExactModel, RunIdentity, Surroundings, ViewText};
use highwater::manifest::{BatchSize, Policy};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::engines::{On, Place, difference};

/// What PostgreSQL writes otherwise.
const WRITTEN: &[(&str, &str)] = &[
    ("median(amount)", "percentile_cont(0.5) within group (order by amount)"),
    ("group by all", "group by 1"),
    ("interval 2 days", "interval '2 days'"),
    ("interval 3 days", "interval '3 days'"),
    ("interval 12 hours", "interval '12 hours'"),
    ("interval 1 day", "interval '1 day'"),
    ("to_days(unnest(range(2))::int)", "generate_series(0, 1) * interval '1 day'"),
];

/// The query as PostgreSQL reads it: there is no `qualify`.
fn written(sql: &str) -> String {
    let mut sql = sql.to_owned();
    for (other, own) in WRITTEN {
        sql = sql.replace(other, own);
    }
    let Some((select, condition)) = sql.split_once(" qualify ") else { return sql };
    let (columns, rest) = select.strip_prefix("select ").and_then(|rest| rest.split_once(" from ")).expect("a select");
    let at = condition.rfind(')').expect("a window") + 1;
    let (window, test) = condition.split_at(at);
    let kept = if columns == "*" { "order_id, customer_id, created_at, amount, note" } else { columns };
    format!("select {kept} from (select *, {window} as place from {rest}) as placed where place{test}")
}

fn model(place: &Place, name: &str, cut: &str, sql: &str) -> ExactModel {
    let (unit, column) = cut.split_once(':').unwrap_or(("whole", ""));
    let size = match unit {
        "day" => Some(BatchSize::Day),
        "month" => Some(BatchSize::Month),
        _ => None,
    };
    ExactModel {
        unique_id: format!("model.shop.{name}"),
        relation: place.relation(name),
        sql: written(sql),
        event_time: size.map(|_| column.to_owned()),
        batch_size: size,
        begin: None,
        unique_key: if unit == "key" { column.split('+').map(str::to_owned).collect() } else { Vec::new() },
        policy: Policy::Incremental,
        audit_days: None,
        on_schema_change: "ignore".into(),
        partials: None,
        moment: None,
        full_refresh: false,
        audits: Vec::new(),
    }
}

#[test]
fn every_shape_is_what_a_rebuild_holds_on_postgres() {
    let on = On::Postgres;
    let place = on.place();
    let mut session = place.engine.connect().expect("session");
    let view = format!("create view named as {}", list::NAMED);
    for sql in [list::TABLES, list::ORDERS, list::MORE, &view] {
        session.execute(sql).expect("tables");
    }
    let mut around = Surroundings::default();
    let text = ViewText { unique_id: "model.shop.named".into(), sql: list::NAMED.into() };
    around.views.insert(place.relation("named"), text);
    let all = list::SHAPES.iter().map(|(name, cut, sql)| model(&place, name, cut, sql));
    let partials = list::PARTIALS.iter().map(|(name, key, moment, sql)| {
        let cut = if key.is_empty() { "whole".to_owned() } else { format!("key:{key}") };
        let (partials, moment) = (Some(BatchSize::Day), Some((*moment).to_owned()));
        ExactModel { partials, moment, ..model(&place, name, &cut, sql) }
    });
    let all = all.chain(partials);
    // Lists, variables and `ignore nulls` are DuckDB's.
    let models: Vec<ExactModel> = all.filter(|model| session.describe(&model.sql).is_ok()).collect();
    assert!(models.len() * 6 > list::SHAPES.len() * 5, "only {} of {} shapes fit", models.len(), list::SHAPES.len());
    let mut random = SmallRng::seed_from_u64(7);
    let (mut made, mut incremental) = (0, 0);
    for step in 0..6 {
        let changes: Vec<String> = (0..random.random_range(1..4)).map(|_| list::change(&mut random)).collect();
        let changes: Vec<String> = changes.into_iter().filter(|change| !change.starts_with("set variable")).collect();
        for change in &changes {
            session.execute(change).expect("change");
        }
        for model in &models {
            let run = RunIdentity {
                run_id: format!("run-{step}"),
                invocation_id: "shapes".into(),
                started_at: "2026-02-10T00:00:00Z".parse().expect("moment"),
                engine_version: "shapes".into(),
            };
            let what = format!("{} at step {step}, after {}\n{}", model.unique_id, changes.join("; "), model.sql);
            let report = exact::run(session.as_mut(), model, &around, &run, None);
            let report = report.unwrap_or_else(|error| panic!("{what}\n{error}"));
            let differs = difference(on, session.as_mut(), &model.relation.sql(), &model.sql).expect("comparison");
            assert!(differs.is_empty(), "{what}\n{differs}\n{report:#?}");
            made += usize::from(step > 0);
            incremental += usize::from(step > 0 && report.whole.is_none());
        }
    }
    println!("{made} runs, {incremental} of them without rebuilding everything");
    assert!(incremental * 2 > made, "only {incremental} of {made} runs were incremental");
}
