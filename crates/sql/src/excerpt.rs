//! Excerpts: queries within the query that can be run alone.
//!
//! A common table expression or a subquery that looks at no row outside of it is a query of its own once the common table expressions it
//! reads stand before it. What has no rule can then still be asked for its result: a hierarchy, a `limit`, a computed column. The engine
//! describes an excerpt before it is used, so text that lost something on the way is not.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{Cte, ObjectName, Query, visit_relations};

use crate::Catalog;
use crate::text::parts_of;
use crate::tree::{ColumnFacts, Id, column_name};

/// A query with the common table expressions in sight.
#[derive(Debug, Clone)]
pub(crate) struct Excerpt {
    /// Its columns, in order.
    pub ids: Vec<Id>,
    pub query: Rc<Query>,
    /// Innermost first; and whether each may refer to itself.
    pub around: Vec<(Rc<Cte>, bool)>,
}

impl Excerpt {
    /// The text, with its columns called by their numbers; none when it cannot be told alone.
    pub fn sql(&self) -> Option<String> {
        let names: Vec<String> = self.ids.iter().map(|id| column_name(*id)).collect();
        let mut distinct = names.clone();
        distinct.sort();
        distinct.dedup();
        if names.is_empty() || distinct.len() < names.len() {
            return None;
        }
        Some(format!("select * from (\n{}\n) as hw_excerpt({})", self.text()?, names.join(", ")))
    }

    /// The query with those common table expressions that it reads.
    fn text(&self) -> Option<String> {
        let mut wanted = mentioned(&self.query);
        let (mut written, mut recursive, mut shadowing) = (Vec::new(), false, false);
        for (cte, may_recur) in &self.around {
            let name = cte.alias.name.value.to_ascii_lowercase();
            if !wanted.contains(&name) {
                continue;
            }
            if written.iter().any(|(other, _)| *other == name) {
                // Two of one name: which is meant depends on where it is said.
                return None;
            }
            let below = mentioned(&cte.query);
            match (below.contains(&name), may_recur) {
                (true, true) => recursive = true,
                (true, false) => shadowing = true,
                _ => {}
            }
            wanted.extend(below);
            written.push((name, cte.to_string()));
        }
        if recursive && shadowing {
            return None;
        }
        if written.is_empty() {
            return Some(self.query.to_string());
        }
        let word = if recursive { "with recursive" } else { "with" };
        let ctes: Vec<String> = written.into_iter().rev().map(|(_, text)| text).collect();
        Some(format!("{word} {} select * from ({}) as hw_query", ctes.join(", "), self.query))
    }

    /// The text, if the engine understands it, and the types of the columns.
    pub fn described(&self, catalog: &dyn Catalog) -> Option<(String, Vec<String>)> {
        let sql = self.sql()?;
        let columns = catalog.describe(&sql)?;
        let reading = catalog.dialect().reading();
        (columns.len() == self.ids.len())
            .then(|| (sql, columns.into_iter().map(|column| reading.normalised(&column.data_type)).collect()))
    }
}

/// The names in a query that a common table expression may go by, in lower case.
fn mentioned(query: &Query) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let _ = visit_relations(query, |relation: &ObjectName| {
        if let Some([name]) = parts_of(relation).as_deref() {
            found.insert(name.to_ascii_lowercase());
        }
        ControlFlow::<()>::Continue(())
    });
    found
}

/// Gives columns the types that the engine found.
pub(crate) fn typed(columns: &mut [ColumnFacts], ids: &[Id], types: Vec<String>) {
    for (id, data_type) in ids.iter().zip(types) {
        let facts = &mut columns[*id];
        facts.data_type.get_or_insert(data_type);
    }
}
