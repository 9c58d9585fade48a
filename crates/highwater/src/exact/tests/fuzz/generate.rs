//! A random case from a seed.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use super::case::{Case, Model, Place};
use super::grammar::Grammar;
use super::node::{Column, Kind, Node, Piece, quote};
use super::schema::{self, Table, pick};

/// The case of a seed. With `focus` it is a smaller one, in which these productions come up more often.
pub fn case(seed: u64, focus: &[&'static str], place: Place) -> Case {
    let mut random = SmallRng::seed_from_u64(seed);
    let tables = schema::tables(&mut random);
    let mut rows = Vec::new();
    for table in &tables {
        let count = if table.name == "calendar" {
            0
        } else if table.fact {
            18
        } else {
            6
        };
        rows.extend((0..count).map(|_| (table.name.clone(), table.row(&mut random))));
        if table.name == "calendar" {
            rows.extend(
                (0..9)
                    .map(|day| (table.name.clone(), format!("(date '2024-02-26' + {day}, {})", 9 + (day > 6) as u32))),
            );
        }
    }
    let mut models = models(&mut random, &tables, focus, place);
    keep_partials(seed, &mut models, focus.contains(&"partials"));
    // What nobody reads may change as well, but seldom.
    let read: Vec<String> = models.iter().flat_map(|model| model.query.tables()).collect();
    let used: Vec<Table> = tables.iter().filter(|table| read.contains(&table.name)).cloned().collect();
    let clock = models.iter().any(|model| model.query.operators().iter().any(|name| ["until", "days"].contains(name)));
    let (most, most_changes) = if focus.is_empty() { (6, 4) } else { (4, 6) };
    let batches = (0..random.random_range(1..most))
        .map(|_| {
            let count = if random.random_bool(0.1) { 0 } else { random.random_range(1..most_changes) };
            (0..count)
                .map(|_| {
                    if clock && random.random_bool(0.3) {
                        return today(&mut random);
                    }
                    let any = used.is_empty() || random.random_bool(0.1);
                    schema::change(&mut random, if any { &tables } else { &used })
                })
                .collect()
        })
        .collect();
    let mut tables: Vec<(String, String)> = tables.iter().map(|table| (table.name.clone(), table.create())).collect();
    if clock {
        tables.push((String::new(), today(&mut random)));
    }
    Case { tables, rows, models, batches }
}

/// Of some aggregations partials are kept, where there is a moment to keep them by. This takes nothing from the numbers that make the rest of a case.
fn keep_partials(seed: u64, models: &mut [Model], always: bool) {
    let mut random = SmallRng::seed_from_u64(!seed);
    for model in models.iter_mut().filter(|model| model.query.operator == "group") {
        let input = model.query.pieces.iter().find_map(|piece| match piece {
            Piece::From(input) => Some(input),
            _ => None,
        });
        let Some(input) = input else { continue };
        let moments: Vec<&Column> = input.columns.iter().filter(|column| column.kind == Kind::Moment).collect();
        let by_time = !(model.cut.starts_with("key:") || model.cut == "whole");
        if moments.is_empty() || model.is_view() || (by_time && !always) || !(always || random.random_bool(0.5)) {
            continue;
        }
        if by_time {
            model.cut = format!("key:{}", model.query.unique.join("+"));
        }
        model.cut = format!("{}/r.{}", model.cut, quote(&pick(&mut random, &moments).name));
    }
}

/// Another day.
fn today(random: &mut SmallRng) -> String {
    format!("set variable today = date '2024-02-{}'", random.random_range(25..30))
}

fn models(random: &mut SmallRng, tables: &[Table], focus: &[&'static str], place: Place) -> Vec<Model> {
    let sources: Vec<Node> = tables.iter().map(|table| Node::table(&table.name, &table.columns)).collect();
    // Facts come up more often than what they are joined to.
    let facts: Vec<Node> =
        tables.iter().filter(|table| table.fact).map(|table| Node::table(&table.name, &table.columns)).collect();
    let mut grammar = Grammar::new(random, [sources, facts].concat(), focus.to_vec(), place == Place::DuckDb);
    let mut models = Vec::new();
    if focus.is_empty() && grammar.chance(0.4) {
        let depth = grammar.random.random_range(1..3);
        let query = grammar.relation(depth);
        grammar.sources.push(Node::table("staged", &query.columns));
        models.push(Model { name: "staged".into(), cut: "view".into(), query });
    }
    for (name, most) in [("first_model", 4), ("second_model", 4), ("third_model", 3)] {
        let depth = grammar.random.random_range(1..most);
        let query = grammar.relation(depth);
        let cut = cut(grammar.random, &query);
        if cut != "whole" || grammar.chance(0.5) {
            // The next one reads this one, more often than not.
            let known = Node::table(name, &query.columns);
            grammar.sources.extend([known.clone(), known.clone(), known]);
        }
        models.push(Model { name: name.into(), cut, query });
        if grammar.chance(if focus.is_empty() { 0.3 } else { 0.7 }) {
            break;
        }
    }
    models
}

/// By time when there is a moment, else by key when there is one.
fn cut(random: &mut SmallRng, query: &Node) -> String {
    let moments: Vec<&Column> = query.columns.iter().filter(|column| column.kind == Kind::Moment).collect();
    let by_key = !query.unique.is_empty() && random.random_bool(if moments.is_empty() { 0.95 } else { 0.35 });
    if by_key {
        return format!("key:{}", query.unique.join("+"));
    }
    if moments.is_empty() || random.random_bool(0.03) {
        return "whole".to_owned();
    }
    let unit = pick(random, &["day", "day", "day", "day", "month", "hour"]);
    format!("{unit}:{}", pick(random, &moments).name)
}
