//! Long and deep queries: the analysis of each has to come to an end, within the stack and with an answer of a size that can be run.

use highwater_sql::{Analysis, Catalog, ColumnType, Dialect, IntervalUnit, Partitioning, Request, TableInfo, analyse};

struct Tables;

fn column(name: &str, data_type: &str) -> ColumnType {
    ColumnType { name: name.into(), data_type: data_type.into() }
}

impl Catalog for Tables {
    fn dialect(&self) -> Dialect {
        Dialect::DuckDb
    }

    fn table(&self, parts: &[String]) -> Option<TableInfo> {
        let columns = vec![column("ts", "TIMESTAMP"), column("k", "INTEGER"), column("x", "INTEGER")];
        (parts.last()? == "o").then_some(TableInfo::Table { columns })
    }
}

fn analysis(sql: &str) -> Analysis {
    let answer = analysis_of(sql);
    assert_ne!(answer.unstable.is_empty(), answer.terms.is_empty(), "{answer:?}");
    assert!(answer.terms.len() < 2_000, "{} terms", answer.terms.len());
    answer
}

fn analysis_of(sql: &str) -> Analysis {
    let output = [column("ts", "TIMESTAMP"), column("k", "INTEGER"), column("x", "INTEGER")];
    let partitioning = Partitioning::Interval { column: "ts".into(), unit: IntervalUnit::Day };
    analyse(&Request { sql, catalog: &Tables, output: &output, partitioning: &partitioning })
}

fn nested(levels: usize, wrap: impl Fn(&str, usize) -> String) -> String {
    (0..levels).fold("select ts, k, x from o".to_owned(), |inner, level| wrap(&inner, level))
}

fn ctes(levels: usize, first: &str, next: impl Fn(usize) -> String) -> String {
    let mut parts = vec![format!("c0 as ({first})")];
    parts.extend((1..=levels).map(|level| format!("c{level} as ({})", next(level - 1))));
    format!("with {} select ts, k, x from c{levels}", parts.join(", "))
}

#[test]
fn windows_on_windows() {
    for levels in [6, 30] {
        analysis(&ctes(levels, "from o", |below| {
            format!("select ts, k, count(*) over (partition by k + {below}) as x from c{below} qualify x > 1")
        }));
    }
}

#[test]
fn filters_on_filters() {
    analysis(&ctes(40, "from o", |below| {
        format!("select * from c{below} where x > {below} and k < 1000 and ts is not null and x + k > 5")
    }));
    analysis(&ctes(20, "select ts, k, count(*) over (partition by k) as x from o", |below| {
        format!(
            "select a.ts, a.k, a.x from c{below} as a join o as b on a.k = b.k where a.x > {below} and a.k < 1000 and b.x > 5"
        )
    }));
}

#[test]
fn expressions_that_double() {
    analysis(&ctes(20, "from o", |below| format!("select ts, k, x + x as x from c{below} where x + x > {below}")));
}

#[test]
fn aliases_and_moments_that_double() {
    let aliases: Vec<String> = (1..=20).map(|level| format!("a{} + a{} as a{level}", level - 1, level - 1)).collect();
    analysis(&format!("select ts, k, a20 as x from (select ts, k, x as a0, {} from o)", aliases.join(", ")));
    analysis(&ctes(30, "from o", |below| format!("select greatest(ts, ts) as ts, k, x from c{below}")));
}

#[test]
fn tables_that_double() {
    for first in
        ["from o", "select timestamp '2024-01-01' as ts, 1 as k, 1 as x", "values (timestamp '2024-01-01', 1, 1)"]
    {
        analysis(&format!(
            "{} union all select * from o",
            ctes(40, &format!("select * from ({first}) as t(ts, k, x)"), |below| {
                format!("select a.ts, a.k, b.x from c{below} as a join c{below} as b on a.k = b.k")
            })
        ));
    }
}

#[test]
fn long_lists() {
    let conditions: Vec<String> = (0..400).map(|number| format!("x = {number}")).collect();
    analysis(&format!("select ts, k, x from o where {}", conditions.join(" or ")));
    analysis(&format!("select ts, k, x from o where {}", conditions.join(" and ")));
    analysis(&vec!["select ts, k, x from o"; 150].join(" union all "));
    let branches: Vec<String> = (0..400).map(|number| format!("when x = {number} then {number}")).collect();
    analysis(&format!("select ts, k, case {} end as x from o", branches.join(" ")));
}

#[test]
fn the_age_of_one_moment_is_counted_from_today() {
    assert_eq!(analysis_of("select age(ts) as x from o").unstable.len(), 1);
    assert_eq!(analysis_of("select age(ts, ts) as x from o").unstable.len(), 0);
    assert_eq!(analysis_of("select 1 as x from o order by age(ts) limit 3").unstable.len(), 1);
}

#[test]
fn deep_nesting() {
    for levels in [10, 40, 300] {
        analysis(&nested(levels, |inner, _| format!("select * from ({inner}) as t")));
        analysis(&nested(levels, |inner, level| {
            format!(
                "select ts, k, x from o as t{level} where exists (select 1 from ({inner}) as s where s.k = t{level}.k)"
            )
        }));
        analysis(&format!("select ts, k, {}x{} as x from o", "(".repeat(levels), ")".repeat(levels)));
        analysis(&format!("select ts, k, {}x{} as x from o", "abs(".repeat(levels), ")".repeat(levels)));
        analysis(&format!("select ts, k, length({}'b') as x from o", "'a' || ".repeat(levels)));
        analysis(&format!(
            "select ts, k, {}x{} as x from o",
            "round(coalesce(".repeat(levels),
            ", 1), 0)".repeat(levels)
        ));
    }
}
