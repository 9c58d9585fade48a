//! Highwater's own macros, as templates that are part of the binary. Packages and projects override them by dispatch.
//!
//! Macros whose names begin with the word for an engine (`duckdb__`, `postgres__`) form its package (`dbt_duckdb`,
//! `dbt_postgres`), which only projects on that engine have; all others form the package `dbt`.

/// File name and text of every template.
pub(crate) static FILES: &[(&str, &str)] = &[
    ("statement.sql", include_str!("statement.sql")),
    ("names.sql", include_str!("names.sql")),
    ("incremental.sql", include_str!("incremental.sql")),
    ("relations.sql", include_str!("relations.sql")),
    ("exchange.sql", include_str!("exchange.sql")),
    ("contracts.sql", include_str!("contracts.sql")),
    ("dress.sql", include_str!("dress.sql")),
    ("merge.sql", include_str!("merge.sql")),
    ("external.sql", include_str!("external.sql")),
    ("catalog.sql", include_str!("catalog.sql")),
    ("hooks.sql", include_str!("hooks.sql")),
    ("snapshot.sql", include_str!("snapshot.sql")),
    ("tests.sql", include_str!("tests.sql")),
    ("unit_tests.sql", include_str!("unit_tests.sql")),
    ("dates.sql", include_str!("dates.sql")),
    ("text.sql", include_str!("text.sql")),
    ("values.sql", include_str!("values.sql")),
    ("ducklake.sql", include_str!("ducklake.sql")),
    ("postgres.sql", include_str!("postgres.sql")),
];
