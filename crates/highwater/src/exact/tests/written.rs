//! Queries and changes as each engine writes them. The lists of shapes are written for DuckDB; here is what PostgreSQL says instead.

use std::sync::LazyLock;

use regex::Regex;

use super::engines::On;

/// What PostgreSQL writes otherwise: a pattern, and what stands in its place.
const OTHERWISE: &[(&str, &str)] = &[
    (r"median\((\w+)\)", "percentile_cont(0.5) within group (order by $1)"),
    (r"\bgroup by all\b", "group by 1"),
    (r"\binterval (\d+) (\w+)", "interval '$1 $2'"),
    (r"to_days\(unnest\(range\(2\)\)::int\)", "generate_series(0, 1) * interval '1 day'"),
    (
        r"select range as day from range\((.*), date '2026-03-04', (.*?)\)",
        "select day from generate_series($1, date '2026-03-03', $2) as s(day)",
    ),
    (r"generate_series\(date ('[^']*'), date ('[^']*')", "generate_series(timestamp $1, timestamp $2"),
    (r"select unnest\((generate_series\([^()]*\))\) as day\)", "select day from $1 as s(day))"),
    (r"unnest\((generate_series\([^()]*\))\)", "$1"),
    (r"getvariable\('(\w+)'\)", "cast(current_setting('hw.$1') as date)"),
    (r"^set variable (\w+) = (.*)$", "select set_config('hw.$1', cast($2 as varchar), false)"),
    (r"::double\b", "::double precision"),
    (r"\byear\(", "date_part('year', "),
    (r"\bday\(", "date_part('day', "),
    (r"\btoday\(\)", "current_date"),
    (r"tablesample (\d+)%", "tablesample bernoulli ($1)"),
];

/// What PostgreSQL has nothing like.
const NOTHING_LIKE: &[&str] = &[
    "asof ",
    "pivot ",
    "using sample",
    " ignore nulls",
    "list(",
    "list_",
    "arg_max(",
    "first(",
    "mode(",
    // A text that is held against a number, a division that leaves fractions.
    "l.code = o.order_id",
    "/ 3 as third",
];

/// A query, or a change, as an engine writes it; none where it cannot.
pub fn written(on: On, sql: &str) -> Option<String> {
    static PATTERNS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let pattern = |(other, own): &(&'static str, &'static str)| (Regex::new(other).expect("a pattern"), *own);
        OTHERWISE.iter().map(pattern).collect()
    });
    if on == On::DuckDb {
        return Some(sql.to_owned());
    }
    if NOTHING_LIKE.iter().any(|words| sql.contains(words)) {
        return None;
    }
    let written = PATTERNS.iter().fold(sql.to_owned(), |sql, (other, own)| other.replace_all(&sql, *own).into_owned());
    Some(without_qualify(&written))
}

/// The same query as a filter around a query of all columns.
fn without_qualify(sql: &str) -> String {
    let Some((select, condition)) = sql.split_once(" qualify ") else { return sql.to_owned() };
    let (columns, rest) = select.strip_prefix("select ").and_then(|rest| rest.split_once(" from ")).expect("a select");
    let at = condition.rfind(") ").expect("a window") + 1;
    let (window, test) = condition.split_at(at);
    let kept = if columns == "*" { "order_id, customer_id, created_at, amount, note" } else { columns };
    format!("select {kept} from (select *, {window} as place from {rest}) as placed where place{test}")
}
