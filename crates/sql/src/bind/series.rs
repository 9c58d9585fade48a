//! Rows made of one row: functions in `from`, and subqueries that read nothing but the row they stand beside.

use std::collections::BTreeSet;
use std::rc::Rc;

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, ObjectName, Spanned, TableAlias, TableFactor};

use super::from::{Relation, crossed, unwatched_function};
use super::function::kind_of;
use super::scope::Scope;
use super::{Binder, Environment};
use crate::text::span_of;
use crate::tree::{Id, JoinKind, Node, Series, SetKind, column, column_name, columns_of_all, substitute};
use crate::{Dialect, Finding, FunctionKind};

impl Binder<'_> {
    /// A function that makes rows: of itself, or from the row before it.
    pub(super) fn series(
        &mut self,
        name: &ObjectName,
        factor: &TableFactor,
        alias: Option<&TableAlias>,
        (left, left_scope): Relation,
        given: Option<Vec<Expr>>,
    ) -> Result<Relation, Finding> {
        let function = name.0.last().map(|part| part.to_string().to_ascii_lowercase()).unwrap_or_default();
        if !self.dialect().reading().is_series(&function) {
            let finding = unwatched_function(&function, self.place(span_of(name)));
            self.findings.unstable.push(finding.clone());
            return Err(finding);
        }
        let clocks = self.clocks_within(factor)?;
        if let Some(given) = given {
            let (left, given) = self.beside_clocks(left, given, &clocks);
            return Ok(self.expanded(left, left_scope, alias, &function, &given));
        }
        if !clocks.is_empty() && alias.is_some_and(|alias| alias.columns.len() > 1) {
            return Err(self.unbound("a series of several columns that depends on the clock has no rule", factor));
        }
        for clock in &clocks {
            self.call(clock)?;
        }
        if alias.is_some_and(|alias| alias.columns.len() > 1) {
            return Ok(self.expanded(left, left_scope, alias, &function, &[]));
        }
        let column = alias.and_then(|alias| alias.columns.first()).map(|column| column.name.value.clone());
        let column = column.unwrap_or_else(|| {
            let alias = alias.map(|alias| alias.name.value.as_str());
            self.dialect().reading().series_column(&function, alias).to_owned()
        });
        let id = self.new_column(column.clone(), None);
        let sql = alias.map_or_else(|| factor.to_string(), |_| without_alias(factor));
        let text = format!("select * from {sql} as hw_series({})", column_name(id));
        self.describe(&[id], &text);
        let clocks = clocks.iter().map(|clock| clock.name.span()).collect();
        let constant = Node::Constant { sql: Some(text), ids: vec![id], clocks };
        let label = alias.map_or(function.as_str(), |alias| &alias.name.value);
        let scope = Scope::of(self.dialect(), label, &[(id, column)]);
        Ok(match left {
            Node::Constant { ref ids, .. } if ids.is_empty() => (constant, scope),
            left => crossed(Some((left, left_scope)), (constant, scope)),
        })
    }

    /// Calls within an expression that read the clock.
    pub(super) fn clocks_of(&self, expression: &Expr) -> Vec<Function> {
        let mut clocks = functions_within(expression);
        clocks.retain(|function| kind_of(function, self.catalog) == Some(FunctionKind::Clock));
        clocks
    }

    /// A series of each row until today: the clock is a table of one row that stands beside the rows, and its value one more that is given.
    pub(super) fn beside_clocks(&mut self, left: Node, given: Vec<Expr>, clocks: &[Function]) -> (Node, Vec<Expr>) {
        let mut texts: Vec<String> = clocks.iter().map(ToString::to_string).collect();
        texts.sort();
        texts.dedup();
        let (mut node, mut given) = (left, given);
        for text in texts {
            let id = self.new_column("today", None);
            let sql = format!("select {text} as {}", column_name(id));
            self.describe(&[id], &sql);
            let same = clocks.iter().filter(|clock| clock.to_string() == text);
            let clocks = same.map(|clock| clock.name.span()).collect();
            let today = Node::Constant { sql: Some(sql), ids: vec![id], clocks };
            node = Node::Join {
                kind: JoinKind::Inner,
                left: Box::new(node),
                right: Box::new(today),
                equalities: Vec::new(),
                others: Vec::new(),
                complete: true,
            };
            given = given.iter().map(|expression| in_place_of(expression, &text, id)).collect();
        }
        (node, given)
    }

    pub(super) fn arguments_given(
        &mut self,
        arguments: &[FunctionArg],
        scope: &Scope,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
        factor: &TableFactor,
    ) -> Result<Option<Vec<Expr>>, Finding> {
        if !arguments.iter().any(|argument| self.mentions_columns(argument)) {
            return Ok(None);
        }
        let expression = |argument: &FunctionArg| match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression))
            | FunctionArg::Named { arg: FunctionArgExpr::Expr(expression), .. } => Some(expression.clone()),
            _ => None,
        };
        match arguments.iter().map(expression).collect::<Option<Vec<Expr>>>() {
            Some(expressions) => self.given(&expressions, scope, environment, outer, factor).map(Some),
            None => Err(self.unbound("this argument has no rule", factor)),
        }
    }

    /// What a function that makes rows is given: expressions over the rows before it, or over those of an outer query.
    pub(super) fn given(
        &mut self,
        expressions: &[Expr],
        scope: &Scope,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
        factor: &TableFactor,
    ) -> Result<Vec<Expr>, Finding> {
        let mut given = Vec::new();
        for expression in expressions {
            match self.row_expression(expression, scope, environment, outer)? {
                Some(bound) => given.push(bound),
                None => return Err(self.unbound("a subquery as an argument has no rule", factor)),
            }
        }
        Ok(given)
    }

    /// Calls that read the clock among the arguments of a function in `from`.
    fn clocks_within(&self, factor: &TableFactor) -> Result<Vec<Function>, Finding> {
        let mut functions = functions_within(factor);
        let kind = |function: &Function| kind_of(function, self.catalog);
        functions.retain(|function| kind(function) != Some(FunctionKind::Scalar));
        if functions.iter().any(|function| kind(function) != Some(FunctionKind::Clock)) {
            return Err(self.unbound("a series that depends on more than values has no rule", factor));
        }
        Ok(functions)
    }

    pub(super) fn expanded(
        &mut self,
        left: Node,
        scope: Scope,
        alias: Option<&TableAlias>,
        function: &str,
        given: &[Expr],
    ) -> Relation {
        let names: Vec<String> = match alias {
            Some(alias) if !alias.columns.is_empty() => {
                alias.columns.iter().map(|column| column.name.value.clone()).collect()
            }
            _ => {
                let alias = alias.map(|alias| alias.name.value.as_str());
                vec![self.dialect().reading().series_column(function, alias).to_owned()]
            }
        };
        let ids: Vec<Id> = names.iter().map(|name| self.new_column(name.clone(), None)).collect();
        let series = if given.is_empty() { None } else { series(self.dialect(), function, given, &ids) };
        let available = left.ids(&self.scans);
        let series = series.filter(|(series, _)| series.given.is_subset(&available)).map(|(series, element)| {
            self.columns[ids[0]].source = element;
            series
        });
        let named: Vec<(Id, String)> = ids.iter().copied().zip(names).collect();
        let scope = scope.and(Scope::of(self.dialect(), alias.map_or(function, |alias| &alias.name.value), &named));
        (Node::Expand { input: Box::new(left), ids, series }, scope)
    }
}

/// How a function makes rows from one, and an expression for an element; none where that takes more than we know.
fn series(dialect: Dialect, function: &str, given: &[Expr], ids: &[Id]) -> Option<(Series, Option<Expr>)> {
    let [id] = ids else { return None };
    let arguments: Vec<String> = given.iter().map(ToString::to_string).collect();
    let (call, element) = dialect.reading().series(function, &arguments)?;
    let element = element.and_then(|element| crate::text::expression(&element, dialect));
    let call = format!("{call} as hw_series_{id}({})", column_name(*id));
    Some((Series { given: columns_of_all(given), call, outer: false }, element))
}

/// A subquery that reads no table, only the row it stands beside: what it is given, and its text.
pub(super) fn of_the_row(node: &Node, output: &[Id], row: &BTreeSet<Id>) -> Option<(BTreeSet<Id>, String)> {
    match node {
        Node::Project { input, items } => {
            let alone = matches!(&**input, Node::Constant { ids, .. } if ids.is_empty());
            let item = |id: &Id| items.iter().find(|(other, _)| other == id).map(|(_, item)| item);
            let wanted: Vec<&Expr> = output.iter().map(item).collect::<Option<_>>()?;
            if let (false, Node::Project { items: below, .. }) = (alone, &**input) {
                // Casts of a branch to the types of the whole.
                let cast = |id: Id| below.iter().find(|(other, _)| *other == id).map(|(_, item)| item.clone());
                let items = items.iter().map(|(id, item)| (*id, substitute(item, &cast))).collect();
                let Node::Project { input, .. } = &**input else { return None };
                return of_the_row(&Node::Project { input: input.clone(), items }, output, row);
            }
            let given = columns_of_all(wanted.iter().copied());
            let texts: Vec<String> = wanted.iter().map(ToString::to_string).collect();
            (alone && !texts.is_empty() && given.is_subset(row))
                .then(|| (given, format!("select {}", texts.join(", "))))
        }
        Node::Set { branches, ids, kind: SetKind::UnionAll } => {
            let place = |id: &Id| ids.iter().position(|other| other == id);
            let places: Vec<usize> = output.iter().map(place).collect::<Option<_>>()?;
            let (mut given, mut texts) = (BTreeSet::new(), Vec::new());
            for (branch, columns) in branches {
                let own: Vec<Id> = places.iter().map(|place| columns[*place]).collect();
                let (read, sql) = of_the_row(branch, &own, row)?;
                given.extend(read);
                texts.push(sql);
            }
            Some((given, texts.join(" union all ")))
        }
        _ => None,
    }
}

fn functions_within(part: &impl sqlparser::ast::Visit) -> Vec<Function> {
    let mut functions = Vec::new();
    let _ = sqlparser::ast::visit_expressions(part, |expression: &Expr| {
        if let Expr::Function(function) = expression {
            functions.push(function.clone());
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    functions
}

/// An expression with a column in the place of a call.
fn in_place_of(expression: &Expr, call: &str, id: Id) -> Expr {
    let mut replaced = expression.clone();
    let _ = sqlparser::ast::visit_expressions_mut(&mut replaced, |part: &mut Expr| {
        if matches!(part, Expr::Function(_)) && part.to_string() == call {
            *part = column(id);
        }
        std::ops::ControlFlow::<()>::Continue(())
    });
    replaced
}

/// The factor's text up to its alias.
fn without_alias(factor: &TableFactor) -> String {
    let mut bare = factor.clone();
    match &mut bare {
        TableFactor::Table { alias, .. } | TableFactor::Function { alias, .. } => *alias = None,
        _ => {}
    }
    bare.to_string()
}
