//! Expressions: names become columns; aggregates, window functions and subqueries become columns of nodes of their own.

use std::ops::ControlFlow;
use std::rc::Rc;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, LambdaSyntax,
    NamedWindowDefinition, OneOrManyWithParens, Spanned, VisitMut, VisitorMut, WindowType,
};
use sqlparser::tokenizer::Span;

use super::function::{function_name, is_unnest};
use super::name::lookup;
use super::operator::{doubtful, path};
use super::scope::Scope;
use super::subquery::{Subquery, among, empty_query, keeps_some};
use super::{Binder, Environment, MOST_BINDINGS, frame, order};
use crate::dialect::type_of;
use crate::tree::{Id, Pick, WindowFunction, column, columns_of, field_of, is_reserved};
use crate::{Finding, FunctionKind};

/// How deep one select-list alias may lean on another.
const DEEPEST_ALIAS: usize = 20;

/// Functions that take a lambda; elsewhere `x -> y` looks into a document.
const TAKE_LAMBDAS: &[&str] = &[
    "list_transform",
    "array_transform",
    "list_apply",
    "array_apply",
    "apply",
    "list_filter",
    "array_filter",
    "filter",
    "list_reduce",
    "array_reduce",
    "reduce",
];

/// What names an expression may use.
#[derive(Clone, Copy)]
pub(super) struct Names<'n> {
    pub scope: &'n Scope,
    pub outer: &'n [&'n Scope],
    pub environment: Option<&'n Rc<Environment>>,
    /// Columns of the select list by alias, to fall back on.
    pub aliases: &'n [(String, Expr)],
    /// The same where an alias is a whole grouping key.
    pub key_aliases: &'n [(String, Expr)],
    /// Whether aggregates make sense here.
    pub grouped: bool,
    /// Whether this is the condition on groups.
    pub having: bool,
    pub windows: &'n [NamedWindowDefinition],
}

impl<'n> Names<'n> {
    /// The columns of rows, and of the queries around.
    pub fn of_row(scope: &'n Scope, outer: &'n [&'n Scope]) -> Self {
        Self {
            scope,
            outer,
            environment: None,
            aliases: &[],
            key_aliases: &[],
            grouped: false,
            having: false,
            windows: &[],
        }
    }
}

/// What an expression left behind, to be made into nodes.
#[derive(Default)]
pub(super) struct Parts {
    pub aggregates: Vec<(Id, Expr)>,
    pub windows: Vec<WindowFunction>,
    pub subqueries: Vec<Subquery>,
    /// Whether `unnest` makes sense here.
    pub may_unnest: bool,
    /// Lists of which every element becomes a row: the column of the elements, and the call.
    pub unnested: Vec<(Id, Expr)>,
}

impl Binder<'_> {
    /// Binds an expression that reads one row and nothing else; none when it holds a subquery.
    pub(super) fn row_expression(
        &mut self,
        expression: &Expr,
        scope: &Scope,
        environment: Option<&Rc<Environment>>,
        outer: &[&Scope],
    ) -> Result<Option<Expr>, Finding> {
        let names = Names { environment, ..Names::of_row(scope, outer) };
        let mut parts = Parts::default();
        let bound = self.deciding(|binder| binder.expression(expression, &names, &mut parts))?;
        Ok((parts.subqueries.is_empty() && parts.windows.is_empty()).then_some(bound))
    }

    /// Binds an expression; what is more than a computation on one row goes to `parts`.
    pub(super) fn expression(
        &mut self,
        expression: &Expr,
        names: &Names<'_>,
        parts: &mut Parts,
    ) -> Result<Expr, Finding> {
        self.expression_at(expression, names, parts, 0)
    }

    pub(super) fn expression_at(
        &mut self,
        expression: &Expr,
        names: &Names<'_>,
        parts: &mut Parts,
        alias_depth: usize,
    ) -> Result<Expr, Finding> {
        let mut bound = expression.clone();
        let (parameters, blind) = (Vec::new(), Vec::new());
        let mut resolver = Resolver { binder: self, names, parts, alias_depth, within_aggregate: 0, parameters, blind };
        match bound.visit(&mut resolver) {
            ControlFlow::Continue(()) => Ok(bound),
            ControlFlow::Break(finding) => Err(*finding),
        }
    }
}

/// The parts of `a and b and c`.
pub(super) fn conjuncts(expression: &Expr) -> Vec<&Expr> {
    match expression {
        Expr::BinaryOp { left, op: BinaryOperator::And, right } => [conjuncts(left), conjuncts(right)].concat(),
        Expr::Nested(inner) => conjuncts(inner),
        other => vec![other],
    }
}

/// Walks an expression on the way down to replace names and subqueries, on the way up to lift out what folds or looks across rows.
pub(super) struct Resolver<'r, 'b> {
    pub binder: &'r mut Binder<'b>,
    pub names: &'r Names<'r>,
    pub parts: &'r mut Parts,
    pub alias_depth: usize,
    pub within_aggregate: usize,
    /// Parameters of the lambdas around, innermost last.
    parameters: Vec<Vec<String>>,
    /// Where lists are made whose order does not matter.
    blind: Vec<Span>,
}

impl VisitorMut for Resolver<'_, '_> {
    type Break = Box<Finding>;

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Box<Finding>> {
        match self.enter(expression) {
            Ok(()) => ControlFlow::Continue(()),
            Err(finding) => ControlFlow::Break(Box::new(finding)),
        }
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<Box<Finding>> {
        match self.leave(expression) {
            Ok(()) => ControlFlow::Continue(()),
            Err(finding) => ControlFlow::Break(Box::new(finding)),
        }
    }
}

impl Resolver<'_, '_> {
    fn enter(&mut self, expression: &mut Expr) -> Result<(), Finding> {
        match expression {
            Expr::Identifier(name) if is_reserved(&name.value) || self.is_parameter(name) => {}
            Expr::CompoundIdentifier(names) if names.first().is_some_and(|name| self.is_parameter(name)) => {}
            Expr::Identifier(_) | Expr::CompoundIdentifier(_) => *expression = self.name(expression)?,
            Expr::CompoundFieldAccess { access_chain, .. } => {
                let dotted = access_chain.iter().any(|access| matches!(access, AccessExpr::Dot(_)));
                if dotted && !self.binder.dialect().reading().has_fields() {
                    return Err(self.binder.unbound("a field of a composite value has no rule", expression));
                }
                for access in access_chain {
                    if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                        *access = field_of(field);
                    }
                }
            }
            Expr::Exists { subquery, .. } => {
                let mut subquery = std::mem::replace(&mut **subquery, empty_query());
                // Whether there are rows does not depend on how many are kept.
                if keeps_some(&subquery) {
                    subquery.limit_clause = None;
                }
                *expression = self.subquery(&subquery, Vec::new(), Vec::new(), true)?;
            }
            Expr::Subquery(subquery) => {
                let subquery = std::mem::replace(&mut **subquery, empty_query());
                *expression = self.subquery(&subquery, Vec::new(), Vec::new(), false)?;
            }
            Expr::InSubquery { expr, subquery, negated } => {
                let subquery = std::mem::replace(&mut **subquery, empty_query());
                // Bound in any case: what is looked for decides even where no key follows from it.
                let (wanted, negated) = (std::mem::replace(&mut **expr, Expr::Tuple(Vec::new())), *negated);
                let before = std::mem::replace(&mut self.binder.deciding, true);
                let sought = self.sought(&wanted);
                self.binder.deciding = before;
                let wanted = sought?;
                let sought = if negated { Vec::new() } else { wanted.clone() };
                *expression = self.subquery(&subquery, sought, wanted, true)?;
            }
            // `= any` and `<> all` are `in` and `not in` under another name.
            Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } if matches!(**right, Expr::Subquery(_)) => {
                *expression = among(left, right, false);
                self.enter(expression)?;
            }
            Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } if matches!(**right, Expr::Subquery(_)) => {
                *expression = among(left, right, true);
                self.enter(expression)?;
            }
            Expr::Function(function) => self.enter_function(function)?,
            Expr::BinaryOp { left, op, right } if doubtful(op, left) && !path(op, left) || doubtful(op, right) => {
                let message = "which of these operators binds tighter is not certain (put parentheses around)";
                return Err(self.binder.unbound(message, expression));
            }
            Expr::Collate { .. } => {
                return Err(self.binder.unbound("under a collation, texts that differ are equal", expression));
            }
            Expr::Lambda(_) => self.enter_lambda(expression)?,
            Expr::Wildcard(_) | Expr::QualifiedWildcard(..) => {
                return Err(self.binder.unbound("a star within an expression has no rule", expression));
            }
            _ => {}
        }
        Ok(())
    }

    fn enter_function(&mut self, function: &mut Function) -> Result<(), Finding> {
        if matches!(function.args, FunctionArguments::Subquery(_)) {
            return Err(self.binder.unbound("a query as an argument has no rule", function));
        }
        let name = function_name(function);
        if name == "columns" {
            return Err(self.binder.unbound("columns() has no rule", function));
        }
        self.look_at_arguments(function, &name);
        if let Some(over) = &mut function.over {
            let spec = self.window(over, 0).ok_or_else(|| {
                self.binder.unbound("this window has no definition that could be followed", &function.name)
            })?;
            *over = WindowType::WindowSpec(spec);
            return Ok(());
        }
        let unnests = self.binder.dialect().reading().unnests();
        if unnests && self.parts.may_unnest && self.within_aggregate == 0 && is_unnest(function) {
            return Ok(());
        }
        if self.binder.call(function)? == FunctionKind::Aggregate {
            if !self.names.grouped || self.within_aggregate > 0 {
                return Err(self.binder.unbound("an aggregate at this place has no rule", function));
            }
            self.within_aggregate += 1;
        }
        Ok(())
    }

    /// Marks what a function makes of its arguments: lambdas by their other spelling, lists whose order does not matter.
    fn look_at_arguments(&mut self, function: &mut Function, name: &str) {
        let (takes_lambdas, is_blind) = (TAKE_LAMBDAS.contains(&name), order::BLIND.contains(&name));
        let FunctionArguments::List(list) = &mut function.args else { return };
        for argument in &mut list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Lambda(lambda))) if takes_lambdas => {
                    lambda.syntax = LambdaSyntax::LambdaKeyword;
                }
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Function(inner))) if is_blind => {
                    self.blind.push(inner.name.span());
                }
                _ => {}
            }
        }
    }

    fn is_parameter(&self, name: &Ident) -> bool {
        self.parameters.iter().flatten().any(|parameter| parameter.eq_ignore_ascii_case(&name.value))
    }

    /// A lambda's parameters hide columns within it. What only looks like one is an arrow that looks into a document.
    fn enter_lambda(&mut self, expression: &mut Expr) -> Result<(), Finding> {
        let Expr::Lambda(lambda) = &*expression else { return Ok(()) };
        let parameters: Vec<&Ident> = match &lambda.params {
            OneOrManyWithParens::One(parameter) => vec![&parameter.name],
            OneOrManyWithParens::Many(parameters) => parameters.iter().map(|parameter| &parameter.name).collect(),
        };
        match (lambda.syntax, parameters.as_slice()) {
            (LambdaSyntax::LambdaKeyword, parameters) => {
                self.parameters.push(parameters.iter().map(|name| name.value.clone()).collect());
            }
            (LambdaSyntax::Arrow, [column]) => {
                let left = self.name(&Expr::Identifier((*column).clone()))?;
                let right = lambda.body.clone();
                *expression = Expr::BinaryOp { left: Box::new(left), op: BinaryOperator::Arrow, right };
            }
            (LambdaSyntax::Arrow, _) => {
                return Err(self.binder.unbound("this lambda function has no rule", expression));
            }
        }
        Ok(())
    }

    fn leave(&mut self, expression: &mut Expr) -> Result<(), Finding> {
        if let Expr::Lambda(_) = expression {
            self.parameters.pop();
        }
        let Expr::Function(function) = &*expression else { return Ok(()) };
        self.binder.note_sum(function);
        let place = self.binder.place(function.name.span());
        let blind = self.blind.contains(&function.name.span());
        if let Some(WindowType::WindowSpec(spec)) = &function.over {
            let name = function_name(function);
            let (data_type, uses) = (type_of(expression, &self.binder.columns), columns_of(expression));
            let id = self.binder.new_column(name.clone(), data_type);
            let ascends = spec.order_by.iter().all(|item| item.options.sort.is_some()) || self.binder.catalog.ascends();
            self.parts.windows.push(WindowFunction {
                id,
                partition: spec.partition_by.clone(),
                uses,
                order: order::of_window(function, spec, blind),
                along: frame::along(spec, ascends),
                side: frame::side(function, spec, ascends),
                carried: frame::carried(function, spec),
                numbers: name == "row_number",
                place,
            });
            *expression = column(id);
        } else if self.names.grouped && matches!(function_name(function).as_str(), "grouping" | "grouping_id") {
            // Which set a row belongs to: the group's own business.
            let id = self.binder.new_column("grouping", None);
            self.parts.aggregates.push((id, expression.clone()));
            *expression = column(id);
        } else if self.parts.may_unnest && is_unnest(function) && self.binder.dialect().reading().unnests() {
            // Said twice, it is one list all the same.
            let same = |(_, known): &&(Id, Expr)| *known == *expression;
            let known = self.parts.unnested.iter().find(same).map(|(id, _)| *id);
            let id = known.unwrap_or_else(|| self.binder.computed_column("unnest", expression));
            if known.is_none() {
                self.parts.unnested.push((id, expression.clone()));
            }
            *expression = column(id);
        } else if self.binder.catalog.function(&function_name(function)) == Some(FunctionKind::Aggregate) {
            self.within_aggregate = self.within_aggregate.saturating_sub(1);
            let order = order::of_aggregate(function, blind);
            let id = self.binder.computed_column("aggregate", expression);
            self.binder.picks.extend(order.map(|order| Pick { id, order, place }));
            self.parts.aggregates.push((id, expression.clone()));
            *expression = column(id);
        }
        Ok(())
    }

    fn decide(&mut self, found: &Result<Expr, String>) {
        if let (true, Ok(found)) = (self.binder.deciding, found) {
            self.binder.decide_by(found);
        }
    }

    fn name(&mut self, expression: &Expr) -> Result<Expr, Finding> {
        let path: Vec<Ident> = match expression {
            Expr::Identifier(name) => vec![name.clone()],
            Expr::CompoundIdentifier(names) => names.clone(),
            _ => Vec::new(),
        };
        let names = self.names;
        let dialect = self.binder.dialect();
        if path.len() > 2 {
            self.binder.qualified.extend(path[1..].iter().map(|part| part.value.to_ascii_lowercase()));
        }
        if let (true, [single], Some(Ok(own))) =
            (names.having, path.as_slice(), lookup(names.scope, &path, &self.binder.columns, names.outer))
            && let Some((_, aliased)) = names.aliases.iter().find(|(name, _)| dialect.same_name(name, &single.value))
            && self.alias_depth == 0
        {
            // Here an alias goes before a column of its name, unless that is grouped by: both may be meant. The third keeps the
            // condition from being taken for one that rows must pass.
            let bound = self.binder.expression_at(aliased, names, self.parts, 1)?;
            self.binder.decide_by(&own);
            let either = self.binder.new_column("either", None);
            return Ok(Expr::Tuple(vec![bound, own, column(either)]));
        }
        if let Some(found) = lookup(names.scope, &path, &self.binder.columns, names.outer) {
            self.decide(&found);
            return found.map_err(|message| self.binder.unbound(message, expression));
        }
        if let [single] = path.as_slice()
            && let Some((_, aliased)) = names.aliases.iter().find(|(name, _)| dialect.same_name(name, &single.value))
        {
            self.binder.bindings += 1;
            if self.alias_depth >= DEEPEST_ALIAS || self.binder.bindings > MOST_BINDINGS {
                return Err(self.binder.unbound(format!("`{single}` leans on itself"), expression));
            }
            let bound = self.binder.expression_at(aliased, names, self.parts, self.alias_depth + 1)?;
            return Ok(Expr::Nested(Box::new(bound)));
        }
        for (depth, scope) in names.outer.iter().enumerate() {
            if let Some(found) = lookup(scope, &path, &self.binder.columns, &names.outer[depth + 1..]) {
                self.binder.outer_hits.push(names.outer.len() - depth);
                if let Ok(found) = &found {
                    // What a subquery does with it is not part of the tree.
                    self.binder.decide_by(found);
                }
                return found.map_err(|message| self.binder.unbound(message, expression));
            }
        }
        let text = path.iter().map(|part| part.value.as_str()).collect::<Vec<_>>().join(".");
        Err(self.binder.unbound(format!("`{text}` is no column of the tables in sight"), expression))
    }
}
