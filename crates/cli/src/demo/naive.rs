//! The two incremental models that most projects have, as the SQL they come to: what `hw demo` shows next to the exact one.
//!
//! | table | a run adds |
//! | --- | --- |
//! | `naive.high_water_mark` | rows placed after the latest one it holds |
//! | `naive.lookback_3_days` | the last three days, which it deletes first |

/// The rows both are made of.
const ROWS: &str = "select order_id, amount, status, created_at from main.stg_orders";

/// The first build of both.
pub fn first_build() -> String {
    format!(
        "create schema naive;\n\
         create table naive.high_water_mark as {ROWS};\n\
         create table naive.lookback_3_days as {ROWS};"
    )
}

/// A later run of both.
pub fn later_run() -> String {
    format!(
        "insert into naive.high_water_mark {ROWS}\n\
         where created_at > (select max(created_at) from naive.high_water_mark);\n\
         begin transaction;\n\
         set variable lookback = (select max(created_at) - interval 3 days from naive.lookback_3_days);\n\
         delete from naive.lookback_3_days where created_at > getvariable('lookback');\n\
         insert into naive.lookback_3_days {ROWS} where created_at > getvariable('lookback');\n\
         commit;"
    )
}

/// The revenue of a day in one of these tables.
pub fn revenue(table: &str, day: jiff::civil::Date) -> String {
    format!(
        "select coalesce(sum(amount), 0) from naive.{table}\n\
         where status in ('placed', 'shipped') and cast(created_at as date) = date '{day}'"
    )
}
