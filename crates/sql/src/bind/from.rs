//! What stands after `from`: tables, subqueries. Joins are in `join.rs`, functions that make rows in `series.rs`, pivots in `pivot.rs`.

use std::rc::Rc;

use sqlparser::ast::{Expr, ObjectName, Query, SetExpr, Spanned, TableAlias, TableFactor, TableWithJoins};

use super::query::Bound;
use super::scope::Scope;
use super::series::of_the_row;
use super::{Binder, Environment, MOST_BINDINGS, MOST_SCANS};
use crate::text::{parts_of, span_of};
use crate::tree::{Id, JoinKind, Node, Scan, Series, column, column_name};
use crate::{Dialect, Finding, Place, TableInfo};

/// A relation and the names it answers to.
pub(super) type Relation = (Node, Scope);

impl Binder<'_> {
    /// The tables of a `from`, crossed.
    pub(super) fn from(
        &mut self,
        tables: &[TableWithJoins],
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Relation, Finding> {
        let mut result: Option<Relation> = None;
        for table in tables {
            let relations = std::iter::once(&table.relation).chain(table.joins.iter().map(|join| &join.relation));
            if let Some(found) = relations.into_iter().find(|relation| is_join_word(relation)) {
                // The parser takes a word it does not know for an alias, where the engine reads another kind of join.
                let finding = self.finding(
                    "positional-join",
                    "a positional join pairs rows by their order, which no table keeps, so no two rebuilds need agree",
                    "join on a key, such as a row_number() over an order without ties",
                    found,
                );
                self.findings.refusals.push(finding.clone());
                return Err(finding);
            }
            let mut relation = match result.take() {
                None => self.factor(&table.relation, environment, outer, None)?,
                Some(left) => self.factor(&table.relation, environment, outer, Some(left))?,
            };
            for join in &table.joins {
                relation = self.join(relation, join, environment, outer)?;
            }
            result = Some(relation);
        }
        Ok(result.unwrap_or_else(|| nothing(self.dialect())))
    }

    /// One table. With something before it, the two are crossed, or the table looks at the rows before it (lateral).
    pub(super) fn factor(
        &mut self,
        factor: &TableFactor,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
        before: Option<Relation>,
    ) -> Result<Relation, Finding> {
        match factor {
            TableFactor::Derived { lateral, subquery, alias, sample: None, .. } => {
                let left_scope =
                    before.as_ref().map_or_else(|| Scope::empty(self.dialect()), |(_, scope)| scope.clone());
                let mut scopes = Vec::new();
                if *lateral || self.dialect().reading().is_lateral() {
                    scopes.push(&left_scope);
                }
                scopes.extend(outer);
                let hits = self.outer_hits.len();
                let bound = self.query(subquery, environment.cloned(), &scopes)?;
                if self.looks_out(hits, scopes.len()) {
                    return self.lateral(before, bound, alias.as_ref(), subquery);
                }
                let relation = self.named(bound, alias.as_ref());
                Ok(crossed(before, relation))
            }
            TableFactor::Table { name, alias, args: None, sample: None, version: None, .. } => {
                let relation = self.table(name, alias.as_ref(), environment)?;
                Ok(crossed(before, relation))
            }
            TableFactor::Table { name, alias, args: Some(args), .. } => {
                let (left, left_scope) = before.unwrap_or_else(|| nothing(self.dialect()));
                let given = self.arguments_given(&args.args, &left_scope, environment, outer, factor)?;
                self.series(name, factor, alias.as_ref(), (left, left_scope), given)
            }
            TableFactor::Function { name, args, alias, .. } => {
                let (left, left_scope) = before.unwrap_or_else(|| nothing(self.dialect()));
                let given = self.arguments_given(args, &left_scope, environment, outer, factor)?;
                self.series(name, factor, alias.as_ref(), (left, left_scope), given)
            }
            TableFactor::UNNEST { alias, array_exprs, .. } => {
                let (left, scope) = before.unwrap_or_else(|| nothing(self.dialect()));
                let given = self.given(array_exprs, &scope, environment, outer, factor)?;
                Ok(self.expanded(left, scope, alias.as_ref(), "unnest", &given))
            }
            TableFactor::Pivot { .. } => {
                let relation = self.pivot(factor, environment, outer)?;
                Ok(crossed(before, relation))
            }
            TableFactor::Unpivot { .. } => {
                let relation = self.unpivot(factor, environment, outer)?;
                Ok(crossed(before, relation))
            }
            TableFactor::NestedJoin { table_with_joins, alias: None } => {
                let inner = std::slice::from_ref(&**table_with_joins);
                let relation = self.from(inner, environment, outer)?;
                Ok(crossed(before, relation))
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                // Under a name of its own it is a subquery of all its columns.
                let all = self.everything_of(table_with_joins)?;
                let bound = self.query(&all, environment.cloned(), outer)?;
                let relation = self.named(bound, alias.as_ref());
                Ok(crossed(before, relation))
            }
            TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } => {
                let finding = crate::sweep::sampled(self.place(factor.span()));
                self.findings.refusals.push(finding.clone());
                Err(finding)
            }
            _ => Err(self.unbound("this kind of table has no rule", factor)),
        }
    }

    /// `select * from` some joined tables.
    fn everything_of(&self, tables: &TableWithJoins) -> Result<Query, Finding> {
        let mut query = crate::text::parse("select * from hw_joined", self.dialect())?;
        if let SetExpr::Select(select) = query.body.as_mut() {
            select.from = vec![tables.clone()];
        }
        Ok(query)
    }

    pub(super) fn mentions_columns(&self, argument: &impl sqlparser::ast::Visit) -> bool {
        let mut found = false;
        let _ = sqlparser::ast::visit_expressions(argument, |expression: &Expr| {
            found |= matches!(expression, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
            std::ops::ControlFlow::<()>::Continue(())
        });
        found
    }

    /// A table by its name: a common table expression in sight, or a table of the catalog.
    fn table(
        &mut self,
        name: &ObjectName,
        alias: Option<&TableAlias>,
        environment: Option<&Rc<Environment>>,
    ) -> Result<Relation, Finding> {
        let parts = parts_of(name).unwrap_or_default();
        if let [single] = parts.as_slice()
            && let Some(found) = find_cte(self.dialect(), environment, single)
        {
            if self.recursions.last().is_some_and(|within| Rc::ptr_eq(&within.cte, &found.cte)) {
                let (node, ids, names) = self.rows_before(name)?;
                let label = alias.map_or(&found.cte.alias.name, |alias| &alias.name);
                return Ok((node, renamed(self.dialect(), &label.value, ids.into_iter().zip(names).collect(), alias)));
            }
            return self.common(&found, alias, name);
        }
        let Some(TableInfo::Table { columns }) = self.catalog.table(&parts).filter(|_| !parts.is_empty()) else {
            let finding = unknown_table(&name.to_string(), self.place(name.span()));
            self.findings.unstable.push(finding.clone());
            return Err(finding);
        };
        let blurred = |data_type: &str| {
            data_type.to_ascii_uppercase().contains(" COLLATE ") || self.dialect().reading().is_blurred(data_type)
        };
        if columns.iter().any(|column| blurred(&column.data_type)) {
            return Err(self.unbound(format!("under the collation of {name}, texts that differ are equal"), name));
        }
        if self.scans.len() >= MOST_SCANS {
            return Err(self.unbound("the query mentions too many tables", name));
        }
        let ids: Vec<Id> = columns
            .iter()
            .map(|column| {
                self.new_column(column.name.clone(), Some(self.dialect().reading().normalised(&column.data_type)))
            })
            .collect();
        let default = parts.last().cloned().unwrap_or_default();
        let site = self.text.range(span_of(name)).unwrap_or((0, 0));
        let scan = Scan {
            table: parts,
            alias: alias.map_or(default, |alias| alias.name.value.clone()),
            ids: ids.clone(),
            site,
            aliased: alias.is_some(),
            through: self.text.through(site.0),
            place: self.place(span_of(name)),
            passing: None,
        };
        let named: Vec<(Id, String)> = ids.into_iter().zip(columns.into_iter().map(|column| column.name)).collect();
        self.declare(&scan.table, &named);
        let scope = renamed(self.dialect(), &scan.alias, named, alias);
        self.scans.push(scan);
        Ok((Node::Scan(self.scans.len() - 1), scope))
    }

    /// A common table expression: bound anew at every mention, because every mention is an input of its own.
    fn common(
        &mut self,
        found: &Rc<Environment>,
        alias: Option<&TableAlias>,
        at: &ObjectName,
    ) -> Result<Relation, Finding> {
        if found.recursive && refers_to(self.dialect(), &found.cte.query, &found.cte.alias.name.value) {
            let finding = self.finding(
                "recursion",
                "a recursive query reaches as far as its data does; any change of an input rebuilds the whole table",
                "hand the event time or the key on from row to row as it is, or move the recursion into a table model",
                at,
            );
            self.bindings += 1;
            if self.bindings > MOST_BINDINGS {
                return Err(finding);
            }
            let (hits, clocks) = (self.outer_hits.len(), self.findings.clocks.len());
            let mut bound = self.recursive(found, at, finding)?;
            self.constant(&mut bound, clocks);
            self.outer_hits.truncate(hits);
            let label = alias.map_or(&found.cte.alias.name, |alias| &alias.name);
            let named = bound.output.iter().copied().zip(bound.names).collect();
            return Ok((bound.node, renamed(self.dialect(), &label.value, named, alias)));
        }
        self.bindings += 1;
        if self.bindings > MOST_BINDINGS {
            return Err(self.unbound("the query uses its common table expressions too often", at));
        }
        let hits = self.outer_hits.len();
        let bound = self.query(&found.cte.query, found.outer.clone(), &[])?;
        // It stands alone: what is correlated within it is no matter of those who read it.
        self.outer_hits.truncate(hits);
        let names = with_names(&bound, Some(&found.cte.alias));
        let default = &found.cte.alias.name;
        let scope = renamed(self.dialect(), &alias.map_or(default, |alias| &alias.name).value, names, alias);
        Ok((bound.node, scope))
    }

    pub(super) fn named(&mut self, bound: Bound, alias: Option<&TableAlias>) -> Relation {
        let names = with_names(&bound, None);
        let scope = renamed(self.dialect(), alias.map_or("", |alias| &alias.name.value), names, alias);
        (bound.node, scope)
    }

    /// A subquery that looks at the rows before it: these rows stay, with values that depend on what the subquery reads.
    pub(super) fn lateral(
        &mut self,
        before: Option<Relation>,
        bound: Bound,
        alias: Option<&TableAlias>,
        at: &Query,
    ) -> Result<Relation, Finding> {
        let Some((left, left_scope)) = before else {
            return Err(self.unbound("a lateral subquery without a table before it has no rule", at));
        };
        let ids: Vec<Id> = bound
            .output
            .iter()
            .zip(&bound.names)
            .map(|(id, name)| self.computed_column(name.clone(), &column(*id)))
            .collect();
        let made = of_the_row(&bound.node, &bound.output, &left.ids(&self.scans));
        let named = ids.iter().copied().zip(bound.names.iter().cloned()).collect();
        let scope = left_scope.and(renamed(self.dialect(), alias.map_or("", |alias| &alias.name.value), named, alias));
        let Some((given, sql)) = made else { return Ok((self.depend(left, bound, ids), scope)) };
        let names: Vec<String> = ids.iter().map(|id| column_name(*id)).collect();
        let call = format!("lateral ({sql}) as hw_series_{}({})", ids[0], names.join(", "));
        let series = Some(Series { given, call, outer: false });
        Ok((Node::Expand { input: Box::new(left), ids, series }, scope))
    }
}

/// What has to be said about a table that nobody knows.
pub(crate) fn unknown_table(name: &str, place: Option<Place>) -> Finding {
    Finding {
        rule: "unknown-table",
        message: format!(
            "{name} is no table of this database that could be watched for changes; the model is rebuilt whole in every run"
        ),
        help: "load it into a table, and declare that table as a source".to_owned(),
        place,
    }
}

/// What has to be said about a table function that reads something.
pub(crate) fn unwatched_function(name: &str, place: Option<Place>) -> Finding {
    Finding {
        rule: "table-function",
        message: format!("what {name}() reads cannot be watched for changes; the model is rebuilt whole in every run"),
        help: "load it into a table, and declare that table as a source".to_owned(),
        place,
    }
}

fn is_join_word(factor: &TableFactor) -> bool {
    let alias = match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias.as_ref(),
        _ => None,
    };
    alias.is_some_and(|alias| {
        !alias.explicit && alias.name.quote_style.is_none() && alias.name.value.eq_ignore_ascii_case("positional")
    })
}

fn nothing(dialect: Dialect) -> Relation {
    (Node::Constant { sql: Some("select 1".to_owned()), ids: Vec::new(), clocks: Vec::new() }, Scope::empty(dialect))
}

pub(super) fn crossed(before: Option<Relation>, relation: Relation) -> Relation {
    let Some((left, left_scope)) = before else { return relation };
    let (right, right_scope) = relation;
    let node = Node::Join {
        kind: JoinKind::Inner,
        left: Box::new(left),
        right: Box::new(right),
        equalities: Vec::new(),
        others: Vec::new(),
        complete: true,
    };
    (node, left_scope.and(right_scope))
}

fn with_names(bound: &Bound, alias: Option<&TableAlias>) -> Vec<(Id, String)> {
    let listed = alias.map(|alias| alias.columns.as_slice()).unwrap_or_default();
    bound
        .output
        .iter()
        .zip(&bound.names)
        .enumerate()
        .map(|(index, (id, name))| {
            (*id, listed.get(index).map_or_else(|| name.clone(), |column| column.name.value.clone()))
        })
        .collect()
}

pub(super) fn renamed(dialect: Dialect, label: &str, names: Vec<(Id, String)>, alias: Option<&TableAlias>) -> Scope {
    let listed = alias.map(|alias| alias.columns.as_slice()).unwrap_or_default();
    let names: Vec<(Id, String)> = names
        .into_iter()
        .enumerate()
        .map(|(index, (id, name))| (id, listed.get(index).map_or(name, |column| column.name.value.clone())))
        .collect();
    Scope::of(dialect, label, &names)
}

fn find_cte(dialect: Dialect, environment: Option<&Rc<Environment>>, name: &str) -> Option<Rc<Environment>> {
    let mut current = environment;
    while let Some(found) = current {
        if dialect.same_name(&found.cte.alias.name.value, name) {
            return Some(Rc::clone(found));
        }
        current = found.outer.as_ref();
    }
    None
}

fn refers_to(dialect: Dialect, query: &Query, name: &str) -> bool {
    let mut found = false;
    let _ = sqlparser::ast::visit_relations(query, |relation: &ObjectName| {
        found |= parts_of(relation).is_some_and(|parts| parts.len() == 1 && dialect.same_name(&parts[0], name));
        std::ops::ControlFlow::<()>::Continue(())
    });
    found
}
