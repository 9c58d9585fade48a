//! A test's SQL over other rows than the table's: the query takes the place of the table's name, wherever that stands for the table.
//!
//! The SQL is parsed: a name in a comment or a text, and one that a common table expression has taken, stay as they are.

use highwater_sql::{Catalog, Dialect, TableInfo, look_through};

use crate::engine::Relation;

/// What stands for the rows while names are looked up: the query may itself read the table of that name.
const ROWS: &str = "\"hw staged rows\"";

/// The SQL with a query in the place of a table; none when it cannot be read.
pub(super) fn stand_in(sql: &str, relation: &Relation, query: &str, dialect: Dialect) -> Option<String> {
    let catalog = OneTable { relation, dialect };
    let text = look_through(sql, &catalog)?;
    Some(text.replace(ROWS, &format!("(\n{query}\n) as hw_staged")))
}

/// A catalog that knows one table, as a view on the rows.
struct OneTable<'a> {
    relation: &'a Relation,
    dialect: Dialect,
}

impl Catalog for OneTable<'_> {
    fn table(&self, parts: &[String]) -> Option<TableInfo> {
        let names = [&self.relation.identifier, &self.relation.schema, &self.relation.database];
        let same = !parts.is_empty()
            && parts.len() <= names.len()
            && parts.iter().rev().zip(names).all(|(one, other)| self.dialect.same_name(one, other));
        same.then(|| TableInfo::View { sql: format!("select * from {ROWS}"), label: self.relation.identifier.clone() })
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sql: &str) -> String {
        let relation = Relation::new("shop", "main", "orders");
        stand_in(sql, &relation, "select 1 as id", Dialect::DuckDb).map_or("unread".to_owned(), |sql| {
            sql.replace("(select * from (\nselect 1 as id\n) as hw_staged\n)", "ROWS")
        })
    }

    #[test]
    fn names_that_mean_the_table_and_no_others() {
        let relation = r#""shop"."main"."orders""#;
        assert_eq!(
            shown(&format!("select * from {relation} where id is null;")),
            r#"select * from ROWS as "orders" where id is null"#
        );
        assert_eq!(shown("select * from main.Orders as o"), "select * from ROWS as o");
        assert_eq!(
            shown(&format!(
                "-- {relation}\nwith child as (select id from {relation}) select '{relation}' from child join other.orders using (id)"
            )),
            format!(
                "-- {relation}\nwith child as (select id from ROWS as \"orders\") select '{relation}' from child join other.orders using (id)"
            )
        );
        assert_eq!(
            shown("with orders as (select 2 as id) select * from orders"),
            "with orders as (select 2 as id) select * from orders"
        );
        assert_eq!(shown("select from where"), "unread");
    }
}
