//! `append`: every new row is inserted, whatever is there already.

use super::Change;

/// The statement.
pub fn statements(change: &Change<'_>) -> String {
    let columns = change.column_list();
    format!("insert into {} ({columns})\nselect {columns}\nfrom {};", change.target, change.staged)
}

#[cfg(test)]
mod tests {
    use crate::engine::Relation;
    use crate::manifest::Config;
    use crate::strategies::Change;

    #[test]
    fn columns_are_named_on_both_sides() {
        let (target, staged) = (Relation::new("db", "main", "t"), Relation::new("temp", "main", "s"));
        let columns = ["id".to_owned(), "or\"der".to_owned()];
        let change = Change {
            target: &target,
            staged: &staged,
            columns: &columns,
            unique_key: &[],
            predicates: &[],
            config: &Config::default(),
        };
        insta::assert_snapshot!(super::statements(&change), @r#"
        insert into "db"."main"."t" ("id", "or""der")
        select "id", "or""der"
        from "temp"."main"."s";
        "#);
    }
}
