//! The tree of a template: owned, with byte spans.
//!
//! | type | what |
//! | --- | --- |
//! | [`Source`] | name and text of a template, shared by all that points into it |
//! | [`Statement`] | text, `{{ }}` and `{% %}` |
//! | [`Expression`] | what stands inside of tags |
//! | [`Routine`] | what a call runs: the body of a macro or of a `{% call %}` block |

use std::sync::Arc;

use crate::{Span, Value};

/// Name and text of a template.
#[derive(Debug)]
pub(crate) struct Source {
    pub name: String,
    pub text: String,
}

/// Statements in order.
pub(crate) type Body = Vec<Statement>;

/// One statement of a template.
#[derive(Debug)]
pub(crate) enum Statement {
    /// Literal text; `verbatim` when the output is the very bytes of the source.
    Text { text: String, span: Span, verbatim: bool },
    /// `{{ value }}`; `constant` when Jinja would compute it at compile time.
    Emit { value: Expression, span: Span, constant: bool },
    /// `{% if %}`, every branch with its condition.
    If { branches: Vec<(Expression, Body)>, otherwise: Body },
    /// `{% for %}`
    For(Arc<ForLoop>),
    /// `{% set a, b = value %}`
    Set { target: Target, value: Expression },
    /// `{% set a | filter %}...{% endset %}`
    SetBlock { target: Target, filters: Vec<Application>, body: Body },
    /// `{% with a = 1 %}`
    With { bindings: Vec<(Target, Expression)>, body: Body },
    /// `{% filter upper %}`
    FilterBlock { filters: Vec<Application>, body: Body, span: Span },
    /// `{% call(item) macro(...) %}`
    CallBlock { callee: Expression, arguments: CallArguments, caller: Arc<Routine>, span: Span },
    /// `{% do expression %}`
    Do(Expression),
    /// `{% break %}`
    Break,
    /// `{% continue %}`
    Continue,
}

/// A `{% for %}` loop.
#[derive(Debug)]
pub(crate) struct ForLoop {
    pub target: Target,
    pub iterable: Expression,
    pub condition: Option<Expression>,
    pub recursive: bool,
    pub body: Body,
    pub otherwise: Body,
}

/// What can be assigned to.
#[derive(Debug)]
pub(crate) enum Target {
    Name(String),
    /// `namespace.attribute`
    Attribute {
        object: String,
        attribute: String,
        span: Span,
    },
    Tuple(Vec<Target>, Span),
}

/// What a call runs.
#[derive(Debug)]
pub(crate) struct Routine {
    pub name: String,
    pub parameters: Vec<Parameter>,
    pub body: Body,
    pub source: Arc<Source>,
    /// The whole block.
    pub span: Span,
    /// Which of the special names the body reads.
    pub reads: Reads,
}

/// Special names that the body of a macro reads; they decide what the macro accepts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reads {
    pub varargs: bool,
    pub kwargs: bool,
    pub caller: bool,
}

/// A parameter and its default.
#[derive(Debug)]
pub(crate) struct Parameter {
    pub name: String,
    pub default: Option<Expression>,
}

/// An expression, where it stands and how deep it nests.
#[derive(Debug)]
pub(crate) struct Expression {
    pub kind: ExpressionKind,
    pub span: Span,
    pub depth: u16,
}

#[derive(Debug)]
pub(crate) enum ExpressionKind {
    Constant(Value),
    Name(String),
    Tuple(Vec<Expression>),
    List(Vec<Expression>),
    Dict(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Positive(Box<Expression>),
    Binary(BinaryOperator, Box<Expression>, Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
    /// `a ~ b ~ c`
    Concat(Vec<Expression>),
    /// `a < b <= c`
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    Conditional {
        test: Box<Expression>,
        value: Box<Expression>,
        otherwise: Option<Box<Expression>>,
    },
    Filter(Box<Expression>, Application),
    Test {
        input: Box<Expression>,
        test: Application,
        negated: bool,
    },
    Attribute(Box<Expression>, String),
    Item(Box<Expression>, Box<Expression>),
    Slice {
        object: Box<Expression>,
        bounds: [Option<Box<Expression>>; 3],
    },
    Call(Box<Expression>, CallArguments),
}

/// A filter or test with its arguments.
#[derive(Debug)]
pub(crate) struct Application {
    pub name: String,
    pub arguments: CallArguments,
    pub span: Span,
}

/// Arguments of a call.
#[derive(Debug, Default)]
pub(crate) struct CallArguments {
    pub positional: Vec<Expression>,
    pub keyword: Vec<(String, Expression)>,
    /// `*list`
    pub splat: Option<Box<Expression>>,
    /// `**dict`
    pub keyword_splat: Option<Box<Expression>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinaryOperator {
    Add,
    Subtract,
    Multiply,
    Divide,
    FloorDivide,
    Modulo,
    Power,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
    NotIn,
}

impl CallArguments {
    /// Every expression among the arguments.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &Expression> {
        self.positional
            .iter()
            .chain(self.keyword.iter().map(|(_, value)| value))
            .chain(self.splat.as_deref())
            .chain(self.keyword_splat.as_deref())
    }
}

/// Calls `visit` for every expression in the statements, outer ones first, in all branches.
pub(crate) fn walk_body<'t>(body: &'t [Statement], visit: &mut dyn FnMut(&'t Expression)) {
    for statement in body {
        walk_statement(statement, visit);
    }
}

fn walk_statement<'t>(statement: &'t Statement, visit: &mut dyn FnMut(&'t Expression)) {
    match statement {
        Statement::Text { .. } | Statement::Break | Statement::Continue => {}
        Statement::Emit { value, .. } | Statement::Set { value, .. } | Statement::Do(value) => {
            walk(value, visit);
        }
        Statement::If { branches, otherwise } => {
            for (test, body) in branches {
                walk(test, visit);
                walk_body(body, visit);
            }
            walk_body(otherwise, visit);
        }
        Statement::For(each) => {
            walk(&each.iterable, visit);
            each.condition.iter().for_each(|condition| walk(condition, visit));
            walk_body(&each.body, visit);
            walk_body(&each.otherwise, visit);
        }
        Statement::SetBlock { filters, body, .. } | Statement::FilterBlock { filters, body, .. } => {
            for filter in filters {
                filter.arguments.expressions().for_each(|argument| walk(argument, visit));
            }
            walk_body(body, visit);
        }
        Statement::With { bindings, body } => {
            bindings.iter().for_each(|(_, value)| walk(value, visit));
            walk_body(body, visit);
        }
        Statement::CallBlock { callee, arguments, caller, .. } => {
            walk(callee, visit);
            arguments.expressions().for_each(|argument| walk(argument, visit));
            walk_routine(caller, visit);
        }
    }
}

/// Calls `visit` for every expression in a routine, defaults of parameters included.
pub(crate) fn walk_routine<'t>(routine: &'t Routine, visit: &mut dyn FnMut(&'t Expression)) {
    for parameter in &routine.parameters {
        parameter.default.iter().for_each(|default| walk(default, visit));
    }
    walk_body(&routine.body, visit);
}

/// Calls `visit` for the expression and everything below it.
pub(crate) fn walk<'t>(expression: &'t Expression, visit: &mut dyn FnMut(&'t Expression)) {
    visit(expression);
    match &expression.kind {
        ExpressionKind::Constant(_) | ExpressionKind::Name(_) => {}
        ExpressionKind::Tuple(items)
        | ExpressionKind::List(items)
        | ExpressionKind::And(items)
        | ExpressionKind::Or(items)
        | ExpressionKind::Concat(items) => items.iter().for_each(|item| walk(item, visit)),
        ExpressionKind::Dict(entries) => {
            for (key, value) in entries {
                walk(key, visit);
                walk(value, visit);
            }
        }
        ExpressionKind::Not(inner)
        | ExpressionKind::Negative(inner)
        | ExpressionKind::Positive(inner)
        | ExpressionKind::Attribute(inner, _) => walk(inner, visit),
        ExpressionKind::Binary(_, left, right) | ExpressionKind::Item(left, right) => {
            walk(left, visit);
            walk(right, visit);
        }
        ExpressionKind::Compare(first, rest) => {
            walk(first, visit);
            rest.iter().for_each(|(_, operand)| walk(operand, visit));
        }
        ExpressionKind::Conditional { test, value, otherwise } => {
            walk(value, visit);
            walk(test, visit);
            otherwise.iter().for_each(|otherwise| walk(otherwise, visit));
        }
        ExpressionKind::Filter(input, application) | ExpressionKind::Test { input, test: application, .. } => {
            walk(input, visit);
            application.arguments.expressions().for_each(|argument| walk(argument, visit));
        }
        ExpressionKind::Slice { object, bounds } => {
            walk(object, visit);
            bounds.iter().flatten().for_each(|bound| walk(bound, visit));
        }
        ExpressionKind::Call(callee, arguments) => {
            walk(callee, visit);
            arguments.expressions().for_each(|argument| walk(argument, visit));
        }
    }
}
