//! Expressions, from the weakest operator to the strongest:
//! `a if b else c`, `or`, `and`, `not`, comparisons, `+ -`, `~`, `* / // %`, `**`, signs, then names and literals with
//! their attributes, items, calls, filters and tests.

use crate::ast::{Application, BinaryOperator, CallArguments, Comparison, Expression, ExpressionKind};
use crate::lexer::Token;
use crate::{Error, Span, Value};

use super::Parser;

/// How deep the tree of one expression may be, long chains of operators included.
const DEPTH_LIMIT: u16 = 200;

/// The binary operators, weaker levels first; level 1 is the concatenation `~`.
const LEVELS: [&[&str]; 4] = [&["+", "-"], &["~"], &["*", "/", "//", "%"], &["**"]];

impl Parser<'_> {
    /// Makes a node above `children`.
    fn node(&self, kind: ExpressionKind, start: usize, deepest: u16) -> Result<Expression, Error> {
        let span = Span::new(start, self.last_end());
        if deepest >= DEPTH_LIMIT {
            return self.fail(span, format!("expression is nested too deeply: more than {DEPTH_LIMIT} levels"));
        }
        Ok(Expression { kind, span, depth: deepest + 1 })
    }

    /// An expression, or several with commas between them; `conditional` allows `a if b else c`.
    pub(super) fn tuple(&mut self, conditional: bool) -> Result<Expression, Error> {
        let start = self.span().start;
        let item = |parser: &mut Self| {
            if conditional { parser.conditional() } else { parser.nested(Self::or) }
        };
        let first = item(self)?;
        if !self.is_symbol(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_symbol(",") && !self.at_tuple_end() {
            items.push(item(self)?);
        }
        let depth = deepest(&items);
        self.node(ExpressionKind::Tuple(items), start, depth)
    }

    fn at_tuple_end(&self) -> bool {
        matches!(self.peek(), Token::VariableEnd | Token::BlockEnd | Token::Symbol(")" | ":"))
            || self.is_name("recursive")
    }

    /// `value if test else otherwise`
    pub(super) fn conditional(&mut self) -> Result<Expression, Error> {
        self.nested(|parser| {
            let start = parser.span().start;
            let mut value = parser.or()?;
            while parser.skip_name("if") {
                let test = parser.or()?;
                let otherwise = if parser.skip_name("else") { Some(Box::new(parser.conditional()?)) } else { None };
                let depth = value.depth.max(test.depth).max(otherwise.as_ref().map_or(0, |inner| inner.depth));
                let kind = ExpressionKind::Conditional { test: Box::new(test), value: Box::new(value), otherwise };
                value = parser.node(kind, start, depth)?;
            }
            Ok(value)
        })
    }

    fn or(&mut self) -> Result<Expression, Error> {
        let start = self.span().start;
        let first = self.and()?;
        if !self.is_name("or") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_name("or") {
            items.push(self.and()?);
        }
        let depth = deepest(&items);
        self.node(ExpressionKind::Or(items), start, depth)
    }

    fn and(&mut self) -> Result<Expression, Error> {
        let start = self.span().start;
        let first = self.not()?;
        if !self.is_name("and") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.skip_name("and") {
            items.push(self.not()?);
        }
        let depth = deepest(&items);
        self.node(ExpressionKind::And(items), start, depth)
    }

    fn not(&mut self) -> Result<Expression, Error> {
        let start = self.span().start;
        if !self.skip_name("not") {
            return self.comparison();
        }
        let inner = self.nested(Self::not)?;
        let depth = inner.depth;
        self.node(ExpressionKind::Not(Box::new(inner)), start, depth)
    }

    fn comparison(&mut self) -> Result<Expression, Error> {
        let start = self.span().start;
        let first = self.arithmetic(0)?;
        let mut rest = Vec::new();
        let mut depth = first.depth;
        while let Some(operator) = self.comparison_operator() {
            let operand = self.arithmetic(0)?;
            depth = depth.max(operand.depth);
            rest.push((operator, operand));
        }
        if rest.is_empty() {
            return Ok(first);
        }
        self.node(ExpressionKind::Compare(Box::new(first), rest), start, depth)
    }

    fn comparison_operator(&mut self) -> Option<Comparison> {
        let (operator, length) = match self.peek() {
            Token::Symbol("==") => (Comparison::Equal, 1),
            Token::Symbol("!=") => (Comparison::NotEqual, 1),
            Token::Symbol("<") => (Comparison::Less, 1),
            Token::Symbol("<=") => (Comparison::LessOrEqual, 1),
            Token::Symbol(">") => (Comparison::Greater, 1),
            Token::Symbol(">=") => (Comparison::GreaterOrEqual, 1),
            Token::Name(name) if name == "in" => (Comparison::In, 1),
            Token::Name(name) if name == "not" => match self.peek_at(1) {
                Token::Name(next) if next == "in" => (Comparison::NotIn, 2),
                _ => return None,
            },
            _ => return None,
        };
        self.position += length;
        Some(operator)
    }

    /// The operators of one level and all stronger ones.
    fn arithmetic(&mut self, level: usize) -> Result<Expression, Error> {
        let Some(symbols) = LEVELS.get(level) else {
            return self.unary(true);
        };
        let start = self.span().start;
        let mut left = self.arithmetic(level + 1)?;
        if level == 1 && self.is_symbol("~") {
            let mut items = vec![left];
            while self.skip_symbol("~") {
                items.push(self.arithmetic(level + 1)?);
            }
            let depth = deepest(&items);
            return self.node(ExpressionKind::Concat(items), start, depth);
        }
        while let Token::Symbol(symbol) = *self.peek()
            && symbols.contains(&symbol)
            && let Some(operator) = binary_operator(symbol)
        {
            self.position += 1;
            let right = self.arithmetic(level + 1)?;
            let depth = left.depth.max(right.depth);
            left = self.node(ExpressionKind::Binary(operator, Box::new(left), Box::new(right)), start, depth)?;
        }
        Ok(left)
    }

    fn unary(&mut self, filters: bool) -> Result<Expression, Error> {
        let start = self.span().start;
        let mut node = if self.is_symbol("-") || self.is_symbol("+") {
            let negative = self.is_symbol("-");
            self.position += 1;
            let inner = self.nested(|parser| parser.unary(false))?;
            let depth = inner.depth;
            let make = if negative { ExpressionKind::Negative } else { ExpressionKind::Positive };
            self.node(make(Box::new(inner)), start, depth)?
        } else {
            self.primary()?
        };
        node = self.postfix(node)?;
        if !filters {
            return Ok(node);
        }
        loop {
            if self.is_symbol("|") {
                self.position += 1;
                let filter = self.application()?;
                let depth = node.depth.max(deepest_argument(&filter.arguments));
                node = self.node(ExpressionKind::Filter(Box::new(node), filter), start, depth)?;
            } else if self.skip_name("is") {
                node = self.test(node, start)?;
            } else if self.is_symbol("(") {
                node = self.call(node, start)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// The filters of a `{% set %}` or `{% filter %}` block.
    pub(super) fn filter_chain(&mut self, inline: bool) -> Result<Vec<Application>, Error> {
        let mut filters = Vec::new();
        if inline {
            filters.push(self.application()?);
        }
        while self.skip_symbol("|") {
            filters.push(self.application()?);
        }
        Ok(filters)
    }

    /// The name of a filter with its arguments.
    fn application(&mut self) -> Result<Application, Error> {
        let start = self.span().start;
        let name = self.dotted_name("the name of a filter")?;
        let arguments = if self.is_symbol("(") { self.arguments()? } else { CallArguments::default() };
        Ok(Application { name, arguments, span: Span::new(start, self.last_end()) })
    }

    fn dotted_name(&mut self, what: &str) -> Result<String, Error> {
        let mut name = self.expect_name(what)?;
        while self.skip_symbol(".") {
            name.push('.');
            name.push_str(&self.expect_name(what)?);
        }
        Ok(name)
    }

    /// Behind `is`.
    fn test(&mut self, input: Expression, start: usize) -> Result<Expression, Error> {
        let negated = self.skip_name("not");
        let name_start = self.span().start;
        let name = self.dotted_name("the name of a test")?;
        let mut arguments = CallArguments::default();
        if self.is_symbol("(") {
            arguments = self.arguments()?;
        } else if self.test_argument_follows() {
            if self.is_name("is") {
                return self.fail(self.span(), "tests cannot be chained with 'is'");
            }
            let argument = self.primary()?;
            arguments.positional.push(self.postfix(argument)?);
        }
        let test = Application { name, arguments, span: Span::new(name_start, self.last_end()) };
        let depth = input.depth.max(deepest_argument(&test.arguments));
        self.node(ExpressionKind::Test { input: Box::new(input), test, negated }, start, depth)
    }

    fn test_argument_follows(&self) -> bool {
        match self.peek() {
            Token::Name(name) => !matches!(name.as_str(), "else" | "or" | "and" | "if" | "not" | "in"),
            Token::Text(_) | Token::Integer(_) | Token::Float(_) | Token::Symbol("[" | "{") => true,
            _ => false,
        }
    }

    fn primary(&mut self) -> Result<Expression, Error> {
        let span = self.span();
        let value = match self.peek().clone() {
            Token::Name(name) => {
                self.position += 1;
                match name.as_str() {
                    "true" | "True" => Value::from(true),
                    "false" | "False" => Value::from(false),
                    "none" | "None" => Value::from(()),
                    _ => return self.node(ExpressionKind::Name(name), span.start, 0),
                }
            }
            Token::Text(mut text) => {
                self.position += 1;
                while let Token::Text(more) = self.peek() {
                    text.push_str(more);
                    self.position += 1;
                }
                Value::from(text)
            }
            Token::Integer(digits) => {
                self.position += 1;
                crate::value::integer(&digits)
            }
            Token::Float(number) => {
                self.position += 1;
                Value::from(number)
            }
            Token::Symbol("(") => return self.parenthesised(),
            Token::Symbol("[") => return self.list(),
            Token::Symbol("{") => return self.dict(),
            _ => return self.unexpected("an expression"),
        };
        self.node(ExpressionKind::Constant(value), span.start, 0)
    }

    fn parenthesised(&mut self) -> Result<Expression, Error> {
        let start = self.span().start;
        self.expect_symbol("(")?;
        if self.skip_symbol(")") {
            return self.node(ExpressionKind::Tuple(Vec::new()), start, 0);
        }
        let mut inner = self.tuple(true)?;
        self.expect_symbol(")")?;
        inner.span = Span::new(start, self.last_end());
        Ok(inner)
    }

    fn list(&mut self) -> Result<Expression, Error> {
        let start = self.span().start;
        self.expect_symbol("[")?;
        let mut items = Vec::new();
        while !self.is_symbol("]") {
            items.push(self.conditional()?);
            if !self.skip_symbol(",") {
                break;
            }
        }
        self.expect_symbol("]")?;
        let depth = deepest(&items);
        self.node(ExpressionKind::List(items), start, depth)
    }

    fn dict(&mut self) -> Result<Expression, Error> {
        let start = self.span().start;
        self.expect_symbol("{")?;
        let mut entries = Vec::new();
        let mut depth = 0;
        while !self.is_symbol("}") {
            let key = self.conditional()?;
            self.expect_symbol(":")?;
            let value = self.conditional()?;
            depth = depth.max(key.depth).max(value.depth);
            entries.push((key, value));
            if !self.skip_symbol(",") {
                break;
            }
        }
        self.expect_symbol("}")?;
        self.node(ExpressionKind::Dict(entries), start, depth)
    }

    /// Attributes, items and calls behind a value.
    fn postfix(&mut self, mut node: Expression) -> Result<Expression, Error> {
        let start = node.span.start;
        loop {
            if self.skip_symbol(".") {
                let depth = node.depth;
                let span = self.span();
                node = match self.advance() {
                    Token::Name(name) => self.node(ExpressionKind::Attribute(Box::new(node), name), start, depth)?,
                    Token::Integer(digits) => {
                        let index = Expression {
                            kind: ExpressionKind::Constant(crate::value::integer(&digits)),
                            span,
                            depth: 1,
                        };
                        self.node(ExpressionKind::Item(Box::new(node), Box::new(index)), start, depth)?
                    }
                    _ => return self.fail(span, "expected the name of an attribute after '.'"),
                };
            } else if self.is_symbol("[") {
                node = self.subscript(node, start)?;
            } else if self.is_symbol("(") {
                node = self.call(node, start)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn call(&mut self, callee: Expression, start: usize) -> Result<Expression, Error> {
        let arguments = self.arguments()?;
        let depth = callee.depth.max(deepest_argument(&arguments));
        self.node(ExpressionKind::Call(Box::new(callee), arguments), start, depth)
    }

    /// `[index]`, `[from:to:step]`, `[a, b]`
    fn subscript(&mut self, object: Expression, start: usize) -> Result<Expression, Error> {
        self.expect_symbol("[")?;
        let first = if self.is_symbol(":") { None } else { Some(self.conditional()?) };
        if self.is_symbol(":") {
            let mut bounds = [first.map(Box::new), None, None];
            for bound in bounds.iter_mut().skip(1) {
                if self.skip_symbol(":") && !self.is_symbol(":") && !self.is_symbol("]") {
                    *bound = Some(Box::new(self.conditional()?));
                }
            }
            self.expect_symbol("]")?;
            let depth = bounds.iter().flatten().map(|bound| bound.depth).fold(object.depth, u16::max);
            return self.node(ExpressionKind::Slice { object: Box::new(object), bounds }, start, depth);
        }
        let Some(mut index) = first else {
            return self.unexpected("an index");
        };
        if self.is_symbol(",") {
            let index_start = index.span.start;
            let mut items = vec![index];
            while self.skip_symbol(",") && !self.is_symbol("]") {
                items.push(self.conditional()?);
            }
            let depth = deepest(&items);
            index = self.node(ExpressionKind::Tuple(items), index_start, depth)?;
        }
        self.expect_symbol("]")?;
        let depth = object.depth.max(index.depth);
        self.node(ExpressionKind::Item(Box::new(object), Box::new(index)), start, depth)
    }

    /// `(a, b=1, *list, **dict)`
    fn arguments(&mut self) -> Result<CallArguments, Error> {
        self.expect_symbol("(")?;
        let mut arguments = CallArguments::default();
        while !self.is_symbol(")") {
            let span = self.span();
            let keyword = matches!((self.peek(), self.peek_at(1)), (Token::Name(_), Token::Symbol("=")));
            let in_order = if self.skip_symbol("*") {
                let in_order = arguments.splat.is_none() && arguments.keyword_splat.is_none();
                arguments.splat = Some(Box::new(self.conditional()?));
                in_order
            } else if self.skip_symbol("**") {
                let in_order = arguments.keyword_splat.is_none();
                arguments.keyword_splat = Some(Box::new(self.conditional()?));
                in_order
            } else if keyword {
                let name = self.expect_name("the name of an argument")?;
                self.expect_symbol("=")?;
                if arguments.keyword.iter().any(|(other, _)| *other == name) {
                    return self.fail(span, format!("argument '{name}' is given twice"));
                }
                let value = self.conditional()?;
                arguments.keyword.push((name, value));
                arguments.keyword_splat.is_none()
            } else {
                arguments.positional.push(self.conditional()?);
                arguments.keyword.is_empty() && arguments.splat.is_none() && arguments.keyword_splat.is_none()
            };
            if !in_order {
                return self.fail(span, "this argument cannot follow the ones before it");
            }
            if !self.skip_symbol(",") {
                break;
            }
        }
        self.expect_symbol(")")?;
        Ok(arguments)
    }
}

fn binary_operator(symbol: &str) -> Option<BinaryOperator> {
    Some(match symbol {
        "+" => BinaryOperator::Add,
        "-" => BinaryOperator::Subtract,
        "*" => BinaryOperator::Multiply,
        "/" => BinaryOperator::Divide,
        "//" => BinaryOperator::FloorDivide,
        "%" => BinaryOperator::Modulo,
        "**" => BinaryOperator::Power,
        _ => return None,
    })
}

fn deepest(items: &[Expression]) -> u16 {
    items.iter().map(|item| item.depth).max().unwrap_or(0)
}

fn deepest_argument(arguments: &CallArguments) -> u16 {
    arguments.expressions().map(|argument| argument.depth).max().unwrap_or(0)
}
