//! PostgreSQL's functions, as far as a rebuild cares. Its own catalogue says most of it, checked against these lists by a test of the
//! library; but it calls a function `stable` both when it reads the clock and when it reads a setting, and settings are part of a
//! model's logic.

use crate::FunctionKind;

/// Functions that fold rows.
const AGGREGATES: &[&str] = &[
    "any_value",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar_pop",
    "covar_samp",
    "every",
    "json_agg",
    "json_agg_strict",
    "json_arrayagg",
    "json_object_agg",
    "json_object_agg_strict",
    "json_object_agg_unique",
    "json_object_agg_unique_strict",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_object_agg",
    "jsonb_object_agg_strict",
    "jsonb_object_agg_unique",
    "jsonb_object_agg_unique_strict",
    "max",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "range_agg",
    "range_intersect_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
    "xmlagg",
];

/// Functions that answer anew at every call.
const VOLATILE: &[&str] = &[
    "clock_timestamp",
    "currval",
    "gen_random_uuid",
    "lastval",
    "nextval",
    "pg_sleep",
    "random",
    "random_normal",
    "set_config",
    "setseed",
    "setval",
    "timeofday",
    "uuidv4",
    "uuidv7",
];

/// Functions that read the clock, the session or the machine.
const CLOCK: &[&str] = &[
    "current_catalog",
    "current_database",
    "current_date",
    "current_query",
    "current_role",
    "current_schema",
    "current_schemas",
    "current_setting",
    "current_time",
    "current_timestamp",
    "current_user",
    "getpgusername",
    "localtime",
    "localtimestamp",
    "now",
    "session_user",
    "statement_timestamp",
    "system_user",
    "transaction_timestamp",
    "txid_current",
    "txid_current_if_assigned",
    "user",
    "version",
];

/// Functions that make rows from their arguments alone.
pub(super) const SERIES: &[&str] = &[
    "generate_series",
    "generate_subscripts",
    "json_array_elements",
    "json_array_elements_text",
    "json_each",
    "json_each_text",
    "json_object_keys",
    "jsonb_array_elements",
    "jsonb_array_elements_text",
    "jsonb_each",
    "jsonb_each_text",
    "jsonb_object_keys",
    "jsonb_path_query",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
    "unnest",
];

/// Functions that are called stable for reading a setting that is part of a model's logic (time zone, date style, locale, text search), or
/// for calling another type's output function.
pub(super) const SETTLED: &[&str] = &[
    "age",
    "array_to_json",
    "array_to_string",
    "concat",
    "concat_ws",
    "convert",
    "convert_from",
    "convert_to",
    "date",
    "date_add",
    "date_part",
    "date_subtract",
    "date_trunc",
    "extract",
    "format",
    "json_build_array",
    "json_build_object",
    "json_to_tsvector",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_path_exists_tz",
    "jsonb_path_match_tz",
    "jsonb_path_query_array_tz",
    "jsonb_path_query_first_tz",
    "jsonb_to_tsvector",
    "length",
    "make_timestamptz",
    "money",
    "numeric",
    "overlaps",
    "phraseto_tsquery",
    "plainto_tsquery",
    "quote_literal",
    "quote_nullable",
    "record_send",
    "row_to_json",
    "time",
    "timestamp",
    "timestamptz",
    "timetz",
    "timezone",
    "to_char",
    "to_date",
    "to_json",
    "to_jsonb",
    "to_number",
    "to_timestamp",
    "to_tsquery",
    "to_tsvector",
    "ts_headline",
    "websearch_to_tsquery",
    "xml",
];

/// Words that stand for no column: what the session is, and where a row lies.
pub(super) const SPECIAL: &[&str] = &[
    "cmax",
    "cmin",
    "ctid",
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_time",
    "current_timestamp",
    "current_user",
    "localtime",
    "localtimestamp",
    "session_user",
    "system_user",
    "tableoid",
    "xmax",
    "xmin",
];

/// What a function of this name is, from the lists above; everything else is taken for a scalar function.
pub(super) fn builtin(name: &str) -> FunctionKind {
    if AGGREGATES.contains(&name) {
        FunctionKind::Aggregate
    } else if VOLATILE.contains(&name) {
        FunctionKind::Volatile
    } else if CLOCK.contains(&name) {
        FunctionKind::Clock
    } else if SERIES.contains(&name) {
        FunctionKind::Rows
    } else {
        FunctionKind::Scalar
    }
}
