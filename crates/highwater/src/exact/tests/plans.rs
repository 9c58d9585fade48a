//! What plans and explanations say.

use super::engines::{On, on_both_engines};
use super::world::{Known, World, best, daily, facts, largest, lifetime, regional};
use crate::exact::{Explanation, Plan, PlanState, PlannedModel};

on_both_engines![
    a_plan_foresees_and_the_run_agrees,
    tables_that_are_rebuilt_first_are_waited_for,
    one_model_that_fails_leaves_the_others_planned,
    explanations,
];

fn plan(world: &mut World, models: &[Known]) -> Plan {
    let planned = planned(world, models);
    plan_of(world, models, &planned)
}

fn planned(world: &World, models: &[Known]) -> Vec<PlannedModel> {
    models.iter().map(|known| PlannedModel::Exact(Box::new(world.own(known).model))).collect()
}

fn plan_of(world: &mut World, models: &[Known], planned: &[PlannedModel]) -> Plan {
    let identity = world.identity();
    let analyse = |model: &crate::exact::ExactModel, _: &highwater_sql::Request| {
        let known = models.iter().find(|known| known.model.unique_id == model.unique_id).expect("known");
        known.analysis.clone()
    };
    crate::exact::plan::plan(world.session.as_mut(), planned, &world.around, &identity, &analyse).expect("plan")
}

fn shown(plan: &Plan) -> String {
    let mut lines = vec![format!(
        "{} with work: {} of {} partitions, {} of {} rows",
        plan.with_work, plan.dirty_count, plan.partition_count, plan.rows_dirty, plan.rows_total
    )];
    for model in &plan.models {
        lines.push(format!(
            "{} {:?}{}{}{} {} of {}, {} new{}",
            model.label,
            model.state,
            if model.estimate { " (estimate)" } else { "" },
            model.whole.as_ref().map(|why| format!(" because {why}")).unwrap_or_default(),
            if model.waits_for.is_empty() {
                String::new()
            } else {
                format!(" waits for {}", model.waits_for.join(", "))
            },
            model.cut.count(model.dirty_count),
            model.partition_count,
            model.new_count,
            model.problem.as_ref().map(|problem| format!(": {problem}")).unwrap_or_default(),
        ));
        lines.extend(model.partitions.iter().map(|partition| {
            format!(
                "  {}{}: {}",
                partition.label,
                if partition.new { " new" } else { "" },
                partition.reasons.join("; ")
            )
        }));
        lines.extend(model.causes.iter().map(|cause| format!("  cause: {} ({})", cause.reason, cause.partitions)));
    }
    lines.join("\n")
}

fn family(on: On) -> Vec<Known> {
    vec![facts(on), regional(), best(), daily(), lifetime(), largest()]
}

fn a_plan_foresees_and_the_run_agrees(on: On) {
    let mut world = World::with_orders(on);
    let models = family(on);
    for known in &models {
        world.announce(known);
    }
    let first = plan(&mut world, &models);
    assert!(first.models.iter().all(|model| model.state == PlanState::New), "{}", shown(&first));
    for known in &models {
        world.run_and_compare(known);
    }
    let quiet = plan(&mut world, &models);
    assert_eq!((quiet.with_work, quiet.dirty_count), (0, 0), "{}", shown(&quiet));
    world.sql(
        "update raw_customers set region = 'east' where customer_id = 2; \
         insert into raw_orders values (7, 3, '2026-02-09', 5, null), (8, 1, null, 5, null)",
    );
    let before = world.ledger();
    let busy = plan(&mut world, &models);
    insta::assert_snapshot!(shown(&busy), @r#"
    6 with work: 16 of 23 partitions, 16 of 23 rows
    facts Dirty 4 days of 4, 1 new
      2026-02-01: 1 key changed in raw_customers
      2026-02-03: 1 key changed in raw_customers
      2026-02-09 new: 1 row in raw_orders
      NULL: 1 more row in raw_orders
      cause: 2 days changed in raw_orders (2)
      cause: 1 key changed in raw_customers (2)
    regional Dirty (estimate) 4 days of 4, 1 new
      2026-02-01: from facts
      2026-02-03: from facts
      2026-02-09 new: from facts
      NULL: from facts
      cause: from facts (4)
    best Dirty (estimate) 3 keys of 3, 0 new
      1: from facts
      2: from facts
      NULL: from facts
      cause: from facts (3)
    daily Dirty 2 days of 4, 1 new
      2026-02-09 new: 1 row in raw_orders
      NULL: 1 more row in raw_orders
      cause: 2 days changed in raw_orders (2)
    lifetime Dirty 2 keys of 3, 1 new
      1: 1 more row in raw_orders
      3 new: 1 row in raw_orders
      cause: 2 keys changed in raw_orders (2)
    largest Whole because raw_orders changed: max() over all rows the table of 1, 0 new
      cause: max() over all rows (0)
    "#);
    assert_eq!(plan(&mut world, &models).hash, busy.hash);
    assert_ne!(busy.hash, quiet.hash);
    assert_eq!(world.ledger(), before);
    // What was planned covers what is done.
    for (known, planned) in models.iter().zip(&busy.models) {
        let report = world.run_and_compare(known);
        assert!(report.dirty_count <= planned.dirty_count, "{}: {report:?}", planned.label);
    }
}

fn tables_that_are_rebuilt_first_are_waited_for(on: On) {
    let mut world = World::with_orders(on);
    let models = [daily(), facts(on), regional()];
    for known in &models {
        world.announce(known);
    }
    for known in &models {
        world.run_and_compare(known);
    }
    let mut all = vec![PlannedModel::Rebuilt {
        unique_id: "model.shop.raw_customers".into(),
        relation: world.relation("raw_customers"),
    }];
    all.extend(planned(&world, &models));
    insta::assert_snapshot!(shown(&plan_of(&mut world, &models, &all)), @r#"
0 with work: 0 of 12 partitions, 0 of 16 rows
daily Unchanged 0 days of 4, 0 new
facts Waits waits for raw_customers 0 days of 4, 0 new
regional Waits waits for facts 0 days of 4, 0 new
"#);
}

fn one_model_that_fails_leaves_the_others_planned(on: On) {
    let mut world = World::with_orders(on);
    let mut models = [daily(), facts(on), lifetime()];
    for known in &models {
        world.run_and_compare(known);
    }
    world.sql("update raw_customers set region = 'x'");
    models[1].analysis.terms[1].steps[0].sql = "select nothing as p from {changed}".into();
    let plan = plan(&mut world, &models);
    let words = plan.models[1].problem.as_deref().expect("a problem");
    assert!(words.contains("nothing"), "{words}");
    insta::assert_snapshot!(shown(&plan).replace(words, "the engine's words"), @r#"
0 with work: 0 of 7 partitions, 0 of 7 rows
daily Unchanged 0 days of 4, 0 new
facts Refused 0 days of 0, 0 new: the engine's words
lifetime Unchanged 0 keys of 3, 0 new
"#);
}

fn explained(explanation: &Explanation) -> String {
    let mut lines = vec![format!("{} is {}: {}", explanation.label, explanation.class.word(), explanation.statement)];
    for input in &explanation.inputs {
        lines.push(format!("  {}: {}; detector: {}; {}", input.label, input.role, input.detector, input.contract));
        lines.extend(input.dirties.iter().map(|sentence| format!("    {sentence}")));
    }
    lines.extend(explanation.findings.iter().map(|finding| format!("  because {}", finding.message)));
    lines.extend(explanation.grain.iter().map(|grain| format!("  {grain}")));
    lines.join("\n")
}

fn explanations(on: On) {
    let mut world = World::with_orders(on);
    let models = family(on);
    for known in &models {
        world.announce(known);
        world.run_and_compare(known);
    }
    let mut texts = Vec::new();
    for known in &models {
        texts.push(explained(&world.explain(known).expect("explanation")));
    }
    // PostgreSQL looks at the tuples of a table before it looks at what its rows hold.
    let text = texts.join("\n");
    assert_eq!(text.contains("tuples, then "), on == On::Postgres, "{text}");
    insta::assert_snapshot!(text.replace("tuples, then ", ""), @r#"
    facts is EXACT-INTERVAL: rebuilt by day of created_at, only the days that changed
      raw_orders: drives the day; detector: fingerprint of 4 columns by day; no promise needed
        a changed row dirties its day
      raw_customers: drives the day; detector: fingerprint of 2 columns by customer_id; no promise needed
        a changed customer_id dirties the days it occurs in
      one row per order_id (declared unique_key, checked at every swap)
    regional is EXACT-INTERVAL: rebuilt by day of day, only the days that changed
      facts: drives the day; detector: swap feed of facts; sees what runs of facts wrote; a change by hand is mended by facts's next run
        a changed row dirties its day
    best is EXACT-KEY: rebuilt by customer_id, only the keys that changed
      facts: drives the day; detector: fingerprint of 2 columns by customer_id, when a run has changed facts; sees what runs of facts wrote; a change by hand is mended by facts's next run
        a changed row dirties its key
      one row per customer_id (declared unique_key, checked at every swap)
    daily is EXACT-INTERVAL: rebuilt by day of day, only the days that changed
      raw_orders: drives the day; detector: fingerprint of 2 columns by day; no promise needed
        a changed row dirties its day
    lifetime is EXACT-KEY: rebuilt by customer_id, only the keys that changed
      raw_orders: drives the day; detector: fingerprint of 2 columns by customer_id; no promise needed
        a changed row dirties its key
      one row per customer_id (declared unique_key, checked at every swap)
    largest is FULL: rebuilt whole whenever an input changes
      raw_orders: drives the day; detector: fingerprint of 1 column as a whole; no promise needed
        any change dirties everything: max() over all rows
      because max() over all rows
    "#);
}
