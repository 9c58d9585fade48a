//! The lists of functions that the analysis goes by, against the engine's own.

use std::collections::BTreeSet;

use highwater_sql::FunctionKind;
use highwater_sql::functions::builtin;

use super::world::World;

#[test]
fn the_engine_agrees_on_its_functions() {
    let mut world = World::new();
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
        let kind = builtin(&name);
        let right = match (aggregate, row[2].to_string().as_str()) {
            (true, _) => kind == Some(FunctionKind::Aggregate),
            (false, "CONSISTENT") => matches!(kind, None | Some(FunctionKind::Scalar | FunctionKind::Clock)),
            (false, "CONSISTENT_WITHIN_QUERY") => matches!(kind, None | Some(FunctionKind::Clock)),
            _ => matches!(kind, None | Some(FunctionKind::Volatile)),
        };
        if !right {
            wrong.insert(format!("{name}: {kind:?}, but {} {}", if aggregate { "aggregate" } else { "scalar" }, row[2]));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
