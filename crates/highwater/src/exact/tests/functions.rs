//! The lists of functions that the analysis goes by, against the engine's own.

use std::collections::BTreeSet;

use highwater_sql::{Dialect, FunctionKind};

use super::engines::{On, on_both_engines};
use super::world::{Known, World};
use crate::exact::Class;

on_both_engines![a_macro_of_the_database_hides_a_function,];

/// DuckDB does not tell functions that read the clock from others that change between queries: the lists do.
#[test]
fn the_engine_agrees_on_its_functions() {
    let mut world = World::new(On::DuckDb);
    let table = world
        .session
        .query(
            "select distinct lower(function_name), function_type = 'aggregate', coalesce(stability, '') from duckdb_functions() \
             where internal and function_type in ('scalar', 'aggregate')",
        )
        .expect("functions");
    let mut wrong = BTreeSet::new();
    for row in &table.rows {
        let name = row[0].to_string();
        let aggregate = row[1].to_string() == "true";
        let kind = Dialect::DuckDb.builtin(&name);
        let right = match (aggregate, row[2].to_string().as_str()) {
            (true, _) => kind == FunctionKind::Aggregate,
            (false, "CONSISTENT") => matches!(kind, FunctionKind::Scalar | FunctionKind::Clock),
            (false, "CONSISTENT_WITHIN_QUERY") => kind == FunctionKind::Clock,
            _ => kind == FunctionKind::Volatile,
        };
        if !right {
            wrong.insert(format!(
                "{name}: {kind:?}, but {} {}",
                if aggregate { "aggregate" } else { "scalar" },
                row[2]
            ));
        }
    }
    // Window functions stand among the engine's aggregates. The rest rebuilds whole on every run, where it might be refused.
    let wrong: Vec<String> = wrong.into_iter().filter(|line| !line.ends_with("but aggregate CONSISTENT")).collect();
    insta::assert_snapshot!(wrong.join("\n"), @r#"
current_connection_id: Clock, but scalar VOLATILE
current_query: Clock, but scalar VOLATILE
current_query_id: Clock, but scalar VOLATILE
current_transaction_id: Clock, but scalar VOLATILE
error: Scalar, but scalar VOLATILE
stats: Scalar, but scalar VOLATILE
"#);
}

/// PostgreSQL's own catalogue is asked in every session; what the lists say beyond it must not be against it.
#[test]
fn the_catalogue_of_postgres_agrees_on_its_functions() {
    let mut world = World::new(On::Postgres);
    let known = world.session.query(Dialect::Postgres.functions()).expect("functions");
    let mut wrong = BTreeSet::new();
    for row in &known.rows {
        let (name, kind) = (row[0].to_string(), row[1].to_string());
        let listed = Dialect::Postgres.builtin(&name);
        let right = match listed {
            FunctionKind::Scalar => kind != "volatile" || !Dialect::Postgres.is_unremarkable(&name),
            FunctionKind::Aggregate => kind == "aggregate",
            FunctionKind::Rows => kind == "rows",
            FunctionKind::Clock => kind == "clock",
            FunctionKind::Volatile => kind == "volatile",
            FunctionKind::Macro => false,
        };
        if !right {
            wrong.insert(format!("{name}: {listed:?}, but {kind}"));
        }
    }
    insta::assert_snapshot!(wrong.into_iter().collect::<Vec<_>>().join("\n"), @"current_query: Clock, but volatile");
}

fn a_macro_of_the_database_hides_a_function(on: On) {
    let mut world = World::with_orders(on);
    world.sql(match on {
        On::DuckDb => "create macro reverse(x) as random()",
        On::Postgres => "create function reverse(varchar) returns double precision language sql as 'select random()'",
    });
    let known = Known::of("shown", "day:created_at", "select created_at, reverse(note) as note from raw_orders");
    let explanation = world.explain(&known).expect("explanation");
    assert_eq!((explanation.class, explanation.findings[0].rule), (Class::Full, "unknown-function"));
}
