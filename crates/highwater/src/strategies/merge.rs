//! `merge`: rows whose key matches are updated, the others inserted.

use serde_json::Value;

use super::Change;
use crate::engine::quote_identifier;

/// The statement.
///
/// # Errors
/// When the configuration names columns to update in two contradicting ways.
pub fn statements(change: &Change<'_>) -> Result<String, String> {
    let updated = updated_columns(change)?;
    let mut sql = format!(
        "merge into {} as DBT_INTERNAL_DEST\nusing {} as DBT_INTERNAL_SOURCE\n{}",
        change.target,
        change.staged,
        matching(change)
    );
    let condition =
        |key: &str| change.config.text(key).map(|condition| format!(" and ({condition})")).unwrap_or_default();
    if !change.unique_key.is_empty() {
        sql.push_str(&format!(
            "\nwhen matched{} then update set\n    {}",
            condition("merge_update_condition"),
            updated.join(",\n    ")
        ));
    }
    let columns = change.column_list();
    let values: Vec<String> =
        change.columns.iter().map(|column| format!("DBT_INTERNAL_SOURCE.{}", quote_identifier(column))).collect();
    sql.push_str(&format!(
        "\nwhen not matched{} then insert ({columns})\nvalues ({});",
        condition("merge_insert_condition"),
        values.join(", ")
    ));
    Ok(sql)
}

/// `on (...)`, or `using (...)` when the configuration says `merge_on_using_columns`.
fn matching(change: &Change<'_>) -> String {
    let using = change.config.texts("merge_on_using_columns");
    if !using.is_empty() && change.predicates.is_empty() {
        return format!("using ({})", using.join(", "));
    }
    let mut terms: Vec<String> = change.predicates.iter().map(|predicate| format!("({predicate})")).collect();
    if change.unique_key.is_empty() {
        terms.push("false".into());
    }
    terms.extend(change.unique_key.iter().map(|key| format!("(DBT_INTERNAL_SOURCE.{key} = DBT_INTERNAL_DEST.{key})")));
    format!("on {}", terms.join("\n  and "))
}

/// `column = value` for each column that a match updates.
fn updated_columns(change: &Change<'_>) -> Result<Vec<String>, String> {
    let only = change.config.texts("merge_update_columns");
    let without = change.config.texts("merge_exclude_columns");
    if !only.is_empty() && !without.is_empty() {
        return Err("merge_update_columns and merge_exclude_columns cannot both be set".into());
    }
    let expressions = change.config.get("merge_update_set_expressions").and_then(Value::as_object);
    let columns: Vec<&String> = match only.is_empty() {
        false => only.iter().collect(),
        true => change
            .columns
            .iter()
            .filter(|column| !without.iter().any(|other| other.eq_ignore_ascii_case(column)))
            .collect(),
    };
    let mut assignments: Vec<String> = columns
        .iter()
        .filter(|column| !expressions.is_some_and(|map| map.contains_key(column.as_str())))
        .map(|column| {
            // Configured columns are taken as the engine writes them where it knows them, so that case does not matter.
            let known = change.columns.iter().find(|known| known.eq_ignore_ascii_case(column)).unwrap_or(column);
            let quoted = quote_identifier(known.trim_matches('"'));
            format!("{quoted} = DBT_INTERNAL_SOURCE.{quoted}")
        })
        .collect();
    for (column, expression) in expressions.into_iter().flatten() {
        if let Some(expression) = expression.as_str() {
            assignments.push(format!("{} = {expression}", quote_identifier(column)));
        }
    }
    Ok(assignments)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::engine::Relation;
    use crate::manifest::Config;
    use crate::strategies::Change;

    fn sql(config: serde_json::Value, unique_key: &[&str]) -> Result<String, String> {
        let (target, staged) = (Relation::new("db", "main", "t"), Relation::new("temp", "main", "s"));
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let config = Config::from(serde_json::from_value::<indexmap::IndexMap<_, _>>(config).expect("a map"));
        super::statements(&Change {
            target: &target,
            staged: &staged,
            columns: &owned(&["id", "amount", "seen_at"]),
            unique_key: &owned(unique_key),
            predicates: &[],
            config: &config,
        })
    }

    #[test]
    fn every_column_is_updated_unless_excluded() {
        insta::assert_snapshot!(sql(json!({"merge_exclude_columns": ["SEEN_AT"]}), &["id"]).expect("sound"), @r#"
        merge into "db"."main"."t" as DBT_INTERNAL_DEST
        using "temp"."main"."s" as DBT_INTERNAL_SOURCE
        on (DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id)
        when matched then update set
            "id" = DBT_INTERNAL_SOURCE."id",
            "amount" = DBT_INTERNAL_SOURCE."amount"
        when not matched then insert ("id", "amount", "seen_at")
        values (DBT_INTERNAL_SOURCE."id", DBT_INTERNAL_SOURCE."amount", DBT_INTERNAL_SOURCE."seen_at");
        "#);
    }

    #[test]
    fn without_a_key_nothing_matches() {
        insta::assert_snapshot!(sql(json!({}), &[]).expect("sound"), @r#"
        merge into "db"."main"."t" as DBT_INTERNAL_DEST
        using "temp"."main"."s" as DBT_INTERNAL_SOURCE
        on false
        when not matched then insert ("id", "amount", "seen_at")
        values (DBT_INTERNAL_SOURCE."id", DBT_INTERNAL_SOURCE."amount", DBT_INTERNAL_SOURCE."seen_at");
        "#);
    }

    #[test]
    fn update_and_exclude_contradict() {
        let both = json!({"merge_update_columns": ["amount"], "merge_exclude_columns": ["id"]});
        assert_eq!(
            sql(both, &["id"]).expect_err("both"),
            "merge_update_columns and merge_exclude_columns cannot both be set"
        );
    }
}
