//! Queries composed of the rules: every operator takes a relation with the columns of a fact and gives one back, so that any order of them
//! makes sense.

use rand::Rng;
use rand::rngs::SmallRng;

use crate::engines::On;

/// How a model's table is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cut {
    Day(&'static str),
    Month(&'static str),
    Key(Vec<&'static str>),
}

/// What a model is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    View,
    Exact(Cut),
}

/// A model of a random project.
#[derive(Debug, Clone)]
pub struct Model {
    pub name: String,
    pub sql: String,
    pub kind: Kind,
}

/// The columns every relation on the way has.
const COLUMNS: &str = "id, k, g, amount, ts, loaded";

/// An order that leaves ties only between equal rows.
const TOTAL: &str =
    "loaded desc nulls last, amount nulls last, ts nulls last, k nulls last, g nulls last, id nulls last";

fn pick<'a, T>(random: &mut SmallRng, items: &'a [T]) -> &'a T {
    &items[random.random_range(0..items.len())]
}

/// A project: perhaps a view, one or two exact models, and an exact model on top of one of them.
pub fn project(random: &mut SmallRng, on: On) -> Vec<Model> {
    let mut models = Vec::new();
    let mut bases = vec!["fact_a".to_owned(), "fact_b".to_owned(), "fact_a".to_owned()];
    if random.random_bool(0.5) {
        let sql = relation(random, on, &bases, 1);
        models.push(Model { name: "staged".into(), sql, kind: Kind::View });
        bases.push("staged".into());
        bases.push("main.staged".into());
    }
    let first = leaf(random, on, &bases, "first_model");
    let first_is_fact = matches!(&first.kind, Kind::Exact(Cut::Day("ts") | Cut::Month("ts")));
    models.push(first);
    if first_is_fact {
        models.push(leaf(random, on, &["first_model".to_owned()], "child"));
    } else {
        models.push(leaf(random, on, &bases, "second_model"));
    }
    models
}

/// A model that is built: rows cut by time, a rollup by time, or rows and rollups by key.
fn leaf(random: &mut SmallRng, on: On, bases: &[String], name: &str) -> Model {
    let depth = random.random_range(1..4);
    let input = relation(random, on, bases, depth);
    let (sql, cut) = match random.random_range(0..9) {
        0..=3 => (input, if random.random_bool(0.8) { Cut::Day("ts") } else { Cut::Month("ts") }),
        4 | 5 => rollup(random, on, &input),
        6 => {
            let unit = pick(random, &["day", "month"]);
            let sql = format!(
                "select date_trunc('{unit}', ts) as period, k, count(*) as n, sum(amount) as total from ({input}) as r group by {}",
                if on == On::DuckDb { "all" } else { "period, k" }
            );
            (sql, if *unit == "day" { Cut::Day("period") } else { Cut::Month("period") })
        }
        7 => {
            let sql = format!(
                "select k, sum(amount) as total, count(distinct id) as ids, max(ts) as newest from ({input}) as r group by k"
            );
            (sql, Cut::Key(vec!["k"]))
        }
        _ => {
            let number = format!("row_number() over (partition by id order by {TOTAL})");
            let sql = match on {
                On::DuckDb => format!("select {COLUMNS} from ({input}) as r qualify {number} = 1"),
                On::Postgres => format!(
                    "select {COLUMNS} from (select r.*, {number} as place from ({input}) as r) as numbered where place = 1"
                ),
            };
            (sql, Cut::Key(vec!["id"]))
        }
    };
    Model { name: name.to_owned(), sql, kind: Kind::Exact(cut) }
}

fn rollup(random: &mut SmallRng, on: On, input: &str) -> (String, Cut) {
    let day = pick(random, &["cast(ts as date)", "date_trunc('day', ts)", "ts::date"]);
    let having = pick(random, &["", " having count(*) > 1", " having sum(amount) is not null"]);
    let middle = match on {
        On::DuckDb => "median(amount) as middle",
        On::Postgres => "percentile_cont(0.5) within group (order by amount) as middle",
    };
    let aggregates = [
        "sum(amount) as total",
        "count(distinct k) as ks",
        middle,
        "string_agg(g, ',' order by g, id) as gs",
        "min(loaded) as oldest, count(*) filter (where g = 'a') as a",
    ];
    let aggregates = pick(random, &aggregates);
    let extra = pick(random, &["", ", g", ", k"]);
    let group = if extra.is_empty() { "1" } else { "1, 2" };
    let sql =
        format!("select {day} as day{extra}, count(*) as n, {aggregates} from ({input}) as r group by {group}{having}");
    (sql, Cut::Day("day"))
}

/// A relation with the columns of a fact.
fn relation(random: &mut SmallRng, on: On, bases: &[String], depth: usize) -> String {
    if depth == 0 {
        return format!("select {COLUMNS} from {}", pick(random, bases));
    }
    let input = relation(random, on, bases, depth - 1);
    match random.random_range(0..23) {
        0 => filtered(random, &input),
        1 => format!("select id, k, coalesce(g, 'z') as g, amount * 2 as amount, ts, loaded from ({input}) as r"),
        2..=4 => joined(random, &input),
        5 => two_hops(random, &input),
        6 | 7 => tested(random, &input),
        8 => totalled(random, &input),
        9 | 10 => format!(
            "with ranked as (select *, row_number() over (partition by id order by {TOTAL}) as place from ({input}) as r) \
             select {COLUMNS} from ranked where place = 1"
        ),
        11 => windowed(random, &input),
        12 => {
            let other = relation(random, on, bases, depth - 1);
            let word = pick(random, &["union all", "union all", "union", "except all", "intersect"]);
            format!("select {COLUMNS} from ({input}) as r {word} select {COLUMNS} from ({other}) as s")
        }
        13 => format!("select distinct {COLUMNS} from ({input}) as r"),
        14 => format!(
            "select r.id, r.k, r.g, (select max(d.rate) from dim_k d where d.k = r.k) as amount, r.ts, r.loaded from ({input}) as r"
        ),
        15 => twice(&input),
        16 | 17 => banded(random, on, &input),
        18 | 19 => outer(random, &input),
        20 => stretched(random, on, &input),
        21 => limited(random, &input),
        _ => unknown(random, &input),
    }
}

/// Rows with what was valid at their time, or nearest to it.
fn banded(random: &mut SmallRng, on: On, input: &str) -> String {
    let (word, condition) = (
        pick(random, &["left join", "join"]),
        pick(
            random,
            &[
                "t.k = r.k and r.ts >= t.since and r.ts < coalesce(t.until, timestamp '9999-01-01')",
                "r.ts between t.since and t.until",
                "t.k = r.k and t.since > r.ts - interval '1 day' and t.rate > r.amount",
                "(t.k = r.k or t.rate = r.amount)",
            ],
        ),
    );
    let (asof, near) = (pick(random, &["asof left join", "asof join"]), pick(random, &[">=", ">", "<=", "<"]));
    let rows = match random.random_range(0..3) {
        0 if on == On::DuckDb => format!(
            "from ({input}) as r {asof} (select k, since, max(rate) as rate from terms group by all) as t on t.k = r.k and r.ts {near} t.since where r.ts is not null"
        ),
        1 => format!("from ({input}) as r, terms as t where {condition}"),
        _ => format!("from ({input}) as r {word} terms as t on {condition}"),
    };
    format!("select r.id, r.k, r.g, r.amount + coalesce(t.rate, 0) as amount, r.ts, r.loaded {rows}")
}

/// Joins in which the rows' own side may be missing.
fn outer(random: &mut SmallRng, input: &str) -> String {
    let merged = "coalesce(r.id, b.id) as id, coalesce(r.k, b.k) as k, b.g, r.amount, coalesce(r.ts, b.ts) as ts, coalesce(r.loaded, b.loaded) as loaded";
    match random.random_range(0..4) {
        0 => format!("select {merged} from ({input}) as r full join fact_b as b on b.ts = r.ts and b.id = r.id"),
        1 => format!(
            "select id, k, b.g, r.amount, ts, r.loaded from ({input}) as r full join fact_b as b using (ts, id, k)"
        ),
        2 => format!(
            "select r.id, d.k, d.region as g, r.amount, r.ts, r.loaded from dim_k as d left join ({input}) as r on r.k = d.k"
        ),
        _ => format!(
            "select r.id, r.k, d.region as g, r.amount, r.ts, r.loaded from ({input}) as r full join dim_k as d on r.k = d.k"
        ),
    }
}

/// Every row for each day of a stretch.
fn stretched(random: &mut SmallRng, on: On, input: &str) -> String {
    // A series is a list on one engine and a table on the other.
    let (between, days) = match on {
        On::DuckDb => (
            "unnest(range(r.ts, r.loaded, interval '1 day'))",
            "select unnest(generate_series(date '2024-02-26', date '2024-03-03', interval '1 day')) as day",
        ),
        On::Postgres => (
            "generate_series(r.ts, r.loaded, interval '1 day')",
            "select s.day from generate_series(timestamp '2024-02-26', timestamp '2024-03-03', interval '1 day') as s(day)",
        ),
    };
    match random.random_range(0..3) {
        0 => format!(
            "select r.id, r.k, r.g, r.amount, s.day as ts, r.loaded from ({input}) as r, generate_series(r.ts, r.ts + interval '2 days', interval '1 day') as s(day)"
        ),
        1 => format!("select r.id, r.k, r.g, r.amount, {between} as ts, r.loaded from ({input}) as r"),
        _ => format!(
            "with days as ({days}) select r.id, r.k, r.g, r.amount, d.day as ts, r.loaded from days as d left join ({input}) as r on r.ts::date = d.day"
        ),
    }
}

/// Rows beside something that compares all of its own.
fn limited(random: &mut SmallRng, input: &str) -> String {
    let best = pick(
        random,
        &[
            "select k, sum(amount) as total from fact_b group by k order by 2 desc nulls last, 1 nulls last limit 3",
            "with recursive up as (select k, 1 as total from dim_k where rate > 2 union select d.k, u.total + 1 from up u join dim_k d on d.rate = u.k where u.total < 3) select k, max(total) as total from up group by k",
            "select k, max(rate) as total from dim_k group by rollup (k)",
        ],
    );
    format!(
        "select r.id, r.k, r.g, t.total as amount, r.ts, r.loaded from ({input}) as r left join ({best}) as t on t.k = r.k"
    )
}

/// Rows that are looked for among others, where NULL is no answer.
fn unknown(random: &mut SmallRng, input: &str) -> String {
    let condition = pick(
        random,
        &[
            "r.k not in (select d.k from dim_k d)",
            "r.amount > 3 or r.k in (select d.k from dim_k d where d.rate > 1)",
            "not (r.k in (select d.k from dim_k d where d.region = r.g))",
            "(r.k in (select d.k from dim_k d)) is null",
            "exists (select 1 from dim_k d where d.region = r.g and exists (select 1 from fact_b b where b.k = d.k and b.id = r.id))",
        ],
    );
    format!("select {COLUMNS} from ({input}) as r where {condition}")
}

fn filtered(random: &mut SmallRng, input: &str) -> String {
    let condition = pick(
        random,
        &[
            "amount > 2",
            "g = 'a' or g is null",
            "ts is not null",
            "k in (1, 2, 3)",
            "amount + coalesce(k, 0) > 3 and g <> 'c'",
            "not (amount = 4)",
        ],
    );
    format!("select {COLUMNS} from ({input}) as r where {condition}")
}

fn joined(random: &mut SmallRng, input: &str) -> String {
    let word = pick(random, &["left join", "join", "inner join"]);
    let on = pick(
        random,
        &["d.k = r.k", "r.k = d.k and d.rate > 1", "d.k = r.k and d.region = r.g", "d.k is not distinct from r.k"],
    );
    let (g, amount) = (
        pick(random, &["d.region", "r.g", "coalesce(d.region, r.g)"]),
        pick(random, &["r.amount", "r.amount * d.rate"]),
    );
    let filter = pick(random, &["", "", " where d.k is null", " where d.rate > 0"]);
    match random.random_range(0..3) {
        0 => format!(
            "select r.id, k, {g} as g, {amount} as amount, r.ts, r.loaded from ({input}) as r {word} dim_k d using (k)"
        ),
        1 => format!(
            "select r.id, r.k, {g} as g, {amount} as amount, r.ts, r.loaded from ({input}) as r, dim_k as d where d.k = r.k"
        ),
        _ => format!(
            "select r.id, r.k, {g} as g, {amount} as amount, r.ts, r.loaded from ({input}) as r {word} dim_k as d on {on}{filter}"
        ),
    }
}

fn two_hops(random: &mut SmallRng, input: &str) -> String {
    let words = [pick(random, &["left join", "join"]), pick(random, &["left join", "join"])];
    format!(
        "select r.id, r.k, l.label as g, r.amount + coalesce(l.boss, 0) as amount, r.ts, r.loaded \
         from ({input}) as r {} dim_k d on d.k = r.k {} dim_g l on l.g = d.region",
        words[0], words[1]
    )
}

fn tested(random: &mut SmallRng, input: &str) -> String {
    let condition = pick(
        random,
        &[
            "exists (select 1 from dim_k d where d.k = r.k and d.rate > 1)",
            "not exists (select 1 from dim_k d where d.k = r.k)",
            "r.k in (select d.k from dim_k d where d.region = 'a')",
            "not exists (select 1 from fact_b b where b.id = r.id and b.amount > 3)",
            "exists (select 1 from fact_b b join dim_k d on d.k = b.k where b.id = r.id and d.rate > r.amount)",
            "r.k not in (select d.k from dim_k d where d.k is not null)",
            "(r.g = 'a' or exists (select 1 from dim_g l where l.g = r.g and l.boss > 1))",
            "r.amount > (select avg(rate) from dim_k d where d.k = r.k)",
        ],
    );
    format!("select {COLUMNS} from ({input}) as r where {condition}")
}

fn totalled(random: &mut SmallRng, input: &str) -> String {
    let (word, key) = (pick(random, &["left join", "join"]), pick(random, &["k", "id"]));
    format!(
        "with totals as (select b.{key}, sum(b.amount + coalesce(d.rate, 0)) as total from fact_b b left join dim_k d on d.k = b.k group by 1) \
         select r.id, r.k, r.g, t.total as amount, r.ts, r.loaded from ({input}) as r {word} totals t on t.{key} = r.{key}"
    )
}

fn windowed(random: &mut SmallRng, input: &str) -> String {
    let window = pick(
        random,
        &[
            "sum(amount) over (partition by k order by ts nulls last, id nulls last, amount nulls last range unbounded preceding)",
            "rank() over (partition by cast(ts as date) order by amount)",
            "count(*) over (partition by date_trunc('month', ts))",
            "max(amount) over (partition by g)",
            "lag(amount) over (partition by k order by ts nulls last, id nulls last, amount nulls last, g nulls last, loaded nulls last)",
            "count(*) over w",
        ],
    );
    let named = if window.ends_with("over w") { " window w as (partition by id)" } else { "" };
    format!("select id, k, g, {window} as amount, ts, loaded from ({input}) as r{named}")
}

/// A common table expression that is read twice.
fn twice(input: &str) -> String {
    format!(
        "with c as (select {COLUMNS} from ({input}) as r), n as (select g, count(*) as many from c group by g) \
         select c.id, c.k, c.g, n.many as amount, c.ts, c.loaded from c left join n on n.g = c.g"
    )
}
