//! `delete+insert`: rows whose key comes again are deleted, then every new row is inserted.
//!
//! Predicates narrow the delete alone, as in dbt: a row outside of them stays, and its new version is inserted beside it.

use super::{Change, append};

/// The statements, to be run in one transaction.
pub fn statements(change: &Change<'_>) -> String {
    let insert = append::statements(change);
    if change.unique_key.is_empty() {
        return insert;
    }
    let keys = change.unique_key.join(", ");
    let mut delete = format!(
        "delete from {} as DBT_INTERNAL_DEST\nwhere ({keys}) in (select ({keys}) from {})",
        change.target, change.staged
    );
    if change.unique_key.len() > 1 {
        let matches: Vec<String> = change
            .unique_key
            .iter()
            .map(|key| format!("DBT_INTERNAL_SOURCE.{key} = DBT_INTERNAL_DEST.{key}"))
            .collect();
        delete = format!(
            "delete from {} as DBT_INTERNAL_DEST\nusing {} as DBT_INTERNAL_SOURCE\nwhere {}",
            change.target,
            change.staged,
            matches.join("\n  and ")
        );
    }
    for predicate in change.predicates {
        delete.push_str("\n  and ");
        delete.push_str(predicate);
    }
    format!("{delete};\n{insert}")
}

#[cfg(test)]
mod tests {
    use crate::engine::Relation;
    use crate::manifest::Config;
    use crate::strategies::Change;

    fn sql(unique_key: &[&str], predicates: &[&str]) -> String {
        let (target, staged) = (Relation::new("db", "main", "t"), Relation::new("temp", "main", "s"));
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        super::statements(&Change {
            target: &target,
            staged: &staged,
            columns: &owned(&["id", "day"]),
            unique_key: &owned(unique_key),
            predicates: &owned(predicates),
            config: &Config::default(),
        })
    }

    #[test]
    fn one_key() {
        insta::assert_snapshot!(sql(&["id"], &["day > '2026-01-01'"]), @r#"
        delete from "db"."main"."t" as DBT_INTERNAL_DEST
        where (id) in (select (id) from "temp"."main"."s")
          and day > '2026-01-01';
        insert into "db"."main"."t" ("id", "day")
        select "id", "day"
        from "temp"."main"."s";
        "#);
    }

    #[test]
    fn several_keys() {
        insta::assert_snapshot!(sql(&["id", "day"], &[]), @r#"
        delete from "db"."main"."t" as DBT_INTERNAL_DEST
        using "temp"."main"."s" as DBT_INTERNAL_SOURCE
        where DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id
          and DBT_INTERNAL_SOURCE.day = DBT_INTERNAL_DEST.day;
        insert into "db"."main"."t" ("id", "day")
        select "id", "day"
        from "temp"."main"."s";
        "#);
    }

    #[test]
    fn no_key_means_append() {
        assert!(sql(&[], &[]).starts_with("insert into"));
    }
}
