//! Random tables: two or three facts and some dimensions, with small domains so that keys meet, days are shared, NULLs and duplicates are
//! common, and a few keys have most of the rows.

use rand::Rng;
use rand::rngs::SmallRng;

use super::node::{Column, Kind, quote};

/// A table of the sources.
#[derive(Debug, Clone)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    /// Types, one per column.
    pub types: Vec<&'static str>,
    /// Whether it holds things that happen, or what they are joined to.
    pub fact: bool,
}

impl Table {
    pub fn create(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .zip(&self.types)
            .map(|(column, data_type)| format!("{} {data_type}", quote(&column.name)))
            .collect();
        format!("create table {} ({})", quote(&self.name), columns.join(", "))
    }

    /// A random row, as an element of VALUES.
    pub fn row(&self, random: &mut SmallRng) -> String {
        let values: Vec<String> =
            self.columns.iter().zip(&self.types).map(|(column, data_type)| value(random, column, data_type)).collect();
        format!("({})", values.join(", "))
    }

    /// A column of this kind, at random.
    pub fn column(&self, random: &mut SmallRng, kind: Kind) -> Option<(&Column, &'static str)> {
        let of_kind: Vec<usize> = (0..self.columns.len()).filter(|i| self.columns[*i].kind == kind).collect();
        let index = *of_kind.get(random.random_range(0..of_kind.len().max(1)))?;
        Some((&self.columns[index], self.types[index]))
    }
}

pub fn pick<'a, T>(random: &mut SmallRng, items: &'a [T]) -> &'a T {
    &items[random.random_range(0..items.len())]
}

/// A random value for a column, NULL now and then.
pub fn value(random: &mut SmallRng, column: &Column, data_type: &str) -> String {
    if random.random_bool(0.12) {
        return "null".to_owned();
    }
    match column.kind {
        // Half of all rows share two keys.
        Kind::Id if random.random_bool(0.3) => random.random_range(1..3).to_string(),
        Kind::Id => random.random_range(0..9).to_string(),
        Kind::Text => format!("'{}'", pick(random, &["a", "a", "b", "c", "A", ""])),
        Kind::Number if data_type.starts_with("decimal") => {
            format!("{}.{:02}", random.random_range(-2..9), random.random_range(0..4) * 25)
        }
        Kind::Number => random.random_range(-2..9).to_string(),
        Kind::Moment => moment(random, data_type),
        Kind::Flag => pick(random, &["true", "false"]).to_string(),
    }
}

/// A moment of eight days around the end of a month; the hours are few, so that ties and midnights happen.
fn moment(random: &mut SmallRng, data_type: &str) -> String {
    let hours = random.random_range(0..32) * 6;
    format!("cast(timestamp '2024-02-26 00:00:00' + interval '{hours} hours' as {data_type})")
}

fn column(name: &str, kind: Kind) -> Column {
    Column { name: name.to_owned(), kind }
}

/// The sources of a project.
pub fn tables(random: &mut SmallRng) -> Vec<Table> {
    let mut tables = Vec::new();
    for name in ["fact_a", "fact_b", "fact_c"].into_iter().take(random.random_range(2..4)) {
        tables.push(fact(random, name));
    }
    let id = *pick(random, &["integer", "integer", "bigint"]);
    let moment = *pick(random, &["timestamp", "timestamp", "date"]);
    tables.push(Table {
        name: "dim_k".into(),
        columns: vec![
            column("k", Kind::Id),
            column("region", Kind::Text),
            column("rate", Kind::Number),
            column("valid_from", Kind::Moment),
            column("valid_to", Kind::Moment),
        ],
        types: vec![id, "varchar", "integer", moment, moment],
        fact: false,
    });
    tables.push(Table {
        name: "dim_g".into(),
        columns: vec![
            column("g", Kind::Text),
            column("label", Kind::Text),
            column("boss", Kind::Id),
            column("open", Kind::Flag),
        ],
        types: vec!["varchar", "varchar", "integer", "boolean"],
        fact: false,
    });
    if random.random_bool(0.5) {
        tables.push(Table {
            name: "calendar".into(),
            columns: vec![column("day", Kind::Moment), column("week", Kind::Id)],
            types: vec!["date", "integer"],
            fact: false,
        });
    }
    tables
}

fn fact(random: &mut SmallRng, name: &str) -> Table {
    let key = if random.random_bool(0.15) { "Order Id" } else { "id" };
    let amount = *pick(random, &["integer", "integer", "decimal(9,2)", "bigint"]);
    let moment = *pick(random, &["timestamp", "timestamp", "timestamp", "date"]);
    let mut columns = vec![
        (column(key, Kind::Id), *pick(random, &["integer", "bigint"])),
        (column("k", Kind::Id), "integer"),
        (column("g", Kind::Text), "varchar"),
        (column("amount", Kind::Number), amount),
        (column("ts", Kind::Moment), moment),
        (column("loaded", Kind::Moment), "timestamp"),
    ];
    if random.random_bool(0.4) {
        columns.push((column("paid", Kind::Flag), "boolean"));
    }
    if random.random_bool(0.3) {
        columns.insert(2, (column("parent", Kind::Id), "integer"));
    }
    let (columns, types) = columns.into_iter().unzip();
    Table { name: name.to_owned(), columns, types, fact: true }
}

/// One change of one table: late and new rows, second copies, corrections, moved events, deletions, changed dimensions.
pub fn change(random: &mut SmallRng, tables: &[Table]) -> String {
    let facts = random.random_bool(0.6);
    let of_kind: Vec<&Table> = tables.iter().filter(|table| table.fact == facts).collect();
    let table = if of_kind.is_empty() { pick(random, tables) } else { *pick(random, &of_kind) };
    let name = quote(&table.name);
    let chosen = |random: &mut SmallRng| {
        let kind = *pick(random, &[Kind::Id, Kind::Id, Kind::Text]);
        match table.column(random, kind) {
            Some((column, data_type)) => {
                let value = value(random, column, data_type);
                format!("{} is not distinct from {value}", quote(&column.name))
            }
            None => "true".to_owned(),
        }
    };
    match random.random_range(0..12) {
        0..=3 => {
            let rows: Vec<String> = (0..random.random_range(1..3)).map(|_| table.row(random)).collect();
            format!("insert into {name} values {}", rows.join(", "))
        }
        4 => format!("insert into {name} select * from {name} where {}", chosen(random)),
        5 | 6 => format!("delete from {name} where {}", chosen(random)),
        7 => match table.column(random, Kind::Moment) {
            Some((column, _)) => format!("delete from {name} where {} is null", quote(&column.name)),
            None => format!("delete from {name} where {}", chosen(random)),
        },
        8 => match table.column(random, Kind::Moment) {
            // A whole day goes, or moves.
            Some((column, data_type)) => {
                let to = value(random, column, data_type);
                let day = random.random_range(26..30);
                let column = quote(&column.name);
                format!("update {name} set {column} = {to} where cast({column} as date) = date '2024-02-{day}'")
            }
            None => format!("delete from {name} where {}", chosen(random)),
        },
        _ => {
            let index = random.random_range(0..table.columns.len());
            let (column, data_type) = (&table.columns[index], table.types[index]);
            let to = value(random, column, data_type);
            format!("update {name} set {} = {to} where {}", quote(&column.name), chosen(random))
        }
    }
}
