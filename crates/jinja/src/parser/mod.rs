//! Tokens into the tree: statements here, expressions in [`expressions`].
//!
//! The grammar is Jinja's, with dbt's blocks (`macro` with typed parameters, `test`, `data_test`, `materialization`,
//! `snapshot`, `docs`) and `do`, `break`, `continue`. Nesting is limited, so that no input can exhaust the stack.

mod expressions;

use std::sync::Arc;

use crate::ast::{Body, CallArguments, Expression, ExpressionKind, ForLoop, Parameter, Reads, Routine, Source};
use crate::ast::{Statement, Target, walk_body};
use crate::lexer::{Spanned, Token, tokenize};
use crate::template::{BlockKind, MacroDef, MacroKind};
use crate::{Error, ErrorKind, Span, Value, stack};

/// How deep statements and brackets may nest.
const NESTING_LIMIT: usize = 100;

/// At which nesting the parser moves to a fresh stack, which holds the rest.
const FRESH_STACK_AT: usize = 16;

/// All that a template holds.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub body: Body,
    pub macros: Vec<Arc<MacroDef>>,
    pub blocks: Vec<ParsedBlock>,
}

/// A docs or snapshot block.
#[derive(Debug)]
pub(crate) struct ParsedBlock {
    pub kind: BlockKind,
    pub name: String,
    pub span: Span,
    pub body_span: Span,
    pub body: Arc<Body>,
}

/// Parses the text of a template.
pub(crate) fn parse(source: &Arc<Source>) -> Result<Parsed, Error> {
    parse_instead(source, &source.text)
}

/// Parses a text that stands for that of a template, every place where it is there.
pub(crate) fn parse_instead(source: &Arc<Source>, text: &str) -> Result<Parsed, Error> {
    let tokens = tokenize(&source.name, text)?;
    let mut parser =
        Parser { source, tokens, position: 0, nesting: 0, blocks_open: 0, macros: Vec::new(), blocks: Vec::new() };
    let (body, _) = parser.body(&[], Span::default())?;
    Ok(Parsed { body, macros: parser.macros, blocks: parser.blocks })
}

struct Parser<'s> {
    source: &'s Arc<Source>,
    tokens: Vec<Spanned>,
    position: usize,
    nesting: usize,
    /// How many statements are open around the present one; definitions count only outside of all.
    blocks_open: usize,
    macros: Vec<Arc<MacroDef>>,
    blocks: Vec<ParsedBlock>,
}

impl Parser<'_> {
    // ---- tokens -------------------------------------------------------------------------------------------------

    fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    fn peek_at(&self, ahead: usize) -> &Token {
        self.tokens.get(self.position + ahead).map_or(&Token::End, |spanned| &spanned.token)
    }

    fn span(&self) -> Span {
        let end = self.source.text.len();
        self.tokens.get(self.position).map_or(Span::new(end, end), |spanned| spanned.span)
    }

    /// End of the token before the present one.
    fn last_end(&self) -> usize {
        self.position.checked_sub(1).and_then(|last| self.tokens.get(last)).map_or(0, |spanned| spanned.span.end)
    }

    fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if self.position < self.tokens.len() {
            self.position += 1;
        }
        token
    }

    fn is_symbol(&self, symbol: &str) -> bool {
        matches!(self.peek(), Token::Symbol(found) if *found == symbol)
    }

    fn is_name(&self, name: &str) -> bool {
        matches!(self.peek(), Token::Name(found) if found == name)
    }

    fn skip_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        self.position += usize::from(found);
        found
    }

    fn skip_name(&mut self, name: &str) -> bool {
        let found = self.is_name(name);
        self.position += usize::from(found);
        found
    }

    fn expect_symbol(&mut self, symbol: &str) -> Result<(), Error> {
        if self.skip_symbol(symbol) {
            return Ok(());
        }
        self.unexpected(&format!("'{symbol}'"))
    }

    fn expect_name(&mut self, what: &str) -> Result<String, Error> {
        match self.peek().clone() {
            Token::Name(name) => {
                self.position += 1;
                Ok(name)
            }
            _ => self.unexpected(what),
        }
    }

    fn expect(&mut self, token: &Token) -> Result<(), Error> {
        if self.peek() == token {
            self.position += 1;
            return Ok(());
        }
        self.unexpected(&token.describe())
    }

    fn unexpected<T>(&self, expected: &str) -> Result<T, Error> {
        self.fail(self.span(), format!("expected {expected}, found {}", self.peek().describe()))
    }

    fn fail<T>(&self, span: Span, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::new(ErrorKind::Syntax, message).at(&self.source.name, &self.source.text, span))
    }

    /// Runs `parse` one level deeper.
    fn nested<T: Send>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error> + Send) -> Result<T, Error> {
        if self.nesting >= NESTING_LIMIT {
            return self.fail(self.span(), format!("nested too deeply: more than {NESTING_LIMIT} levels"));
        }
        self.nesting += 1;
        let result = if self.nesting == FRESH_STACK_AT { stack::fresh(|| parse(self)) } else { parse(self) };
        self.nesting -= 1;
        result
    }

    // ---- statements ---------------------------------------------------------------------------------------------

    /// Statements up to one of the end tags, whose name is consumed and returned; up to the end of the template when
    /// there are none.
    fn body(&mut self, ends: &[&str], opening: Span) -> Result<(Body, String), Error> {
        // The colon that Python programmers write after `if x`.
        if !ends.is_empty() {
            self.skip_symbol(":");
            self.expect(&Token::BlockEnd)?;
        }
        let mut body = Vec::new();
        loop {
            let span = self.span();
            match self.advance() {
                Token::Data(text) => {
                    let verbatim = self.source.text.get(span.start..span.end) == Some(text.as_str());
                    body.push(Statement::Text { text, span, verbatim });
                }
                Token::VariableBegin => {
                    let value = self.tuple(true)?;
                    self.expect(&Token::VariableEnd)?;
                    let constant = is_constant(&value);
                    body.push(Statement::Emit { value, span: Span::new(span.start, self.last_end()), constant });
                }
                Token::BlockBegin => {
                    if let Token::Name(name) = self.peek()
                        && let Some(end) = ends.iter().find(|end| *end == name)
                    {
                        self.position += 1;
                        return Ok((body, (*end).to_string()));
                    }
                    self.nested(|parser| parser.statement(span.start, ends, &mut body))?;
                }
                Token::End if ends.is_empty() => return Ok((body, String::new())),
                Token::End => {
                    let missing = ends.last().copied().unwrap_or_default();
                    return self.fail(opening, format!("block is never closed: missing '{{% {missing} %}}'"));
                }
                other => return self.fail(span, format!("unexpected {}", other.describe())),
            }
        }
    }

    /// A body inside of a block, then the end of its closing tag.
    fn block_body(&mut self, ends: &[&str], opening: Span) -> Result<Body, Error> {
        self.blocks_open += 1;
        let (body, _) = self.body(ends, opening)?;
        self.blocks_open -= 1;
        Ok(body)
    }

    /// One statement behind `{%`, with its closing `%}`.
    fn statement(&mut self, start: usize, ends: &[&str], body: &mut Body) -> Result<(), Error> {
        let opening = Span::new(start, self.span().end);
        let keyword = self.expect_name("the name of a tag")?;
        match keyword.as_str() {
            "if" => body.push(self.if_statement(opening)?),
            "for" => body.push(self.for_statement(opening)?),
            "set" => body.push(self.set_statement(opening)?),
            "do" => body.push(Statement::Do(self.tuple(true)?)),
            "print" => self.print_statement(start, body)?,
            "call" => body.push(self.call_statement(opening)?),
            "with" => body.push(self.with_statement(opening)?),
            "filter" => {
                let filters = self.filter_chain(true)?;
                let inner = self.block_body(&["endfilter"], opening)?;
                body.push(Statement::FilterBlock { filters, body: inner, span: opening });
            }
            "break" => body.push(Statement::Break),
            "continue" => body.push(Statement::Continue),
            "macro" | "test" | "data_test" => self.macro_definition(&keyword, opening)?,
            "materialization" => self.materialization(opening)?,
            "docs" => self.named_block(BlockKind::Docs, "enddocs", opening)?,
            "snapshot" => self.named_block(BlockKind::Snapshot, "endsnapshot", opening)?,
            "include" | "import" | "from" | "extends" | "block" | "autoescape" => {
                return self.fail(opening, format!("'{{% {keyword} %}}' is not part of dbt's Jinja"));
            }
            _ => return self.unknown_tag(&keyword, ends, opening),
        }
        self.expect(&Token::BlockEnd)
    }

    fn unknown_tag<T>(&self, keyword: &str, ends: &[&str], opening: Span) -> Result<T, Error> {
        if keyword.starts_with("end") || keyword == "else" || keyword == "elif" {
            return match ends.last() {
                Some(end) => self.fail(opening, format!("unexpected '{{% {keyword} %}}', expected '{{% {end} %}}'")),
                None => self.fail(opening, format!("'{{% {keyword} %}}' closes nothing")),
            };
        }
        self.fail(opening, format!("unknown tag '{keyword}'"))
    }

    fn if_statement(&mut self, opening: Span) -> Result<Statement, Error> {
        let mut branches = Vec::new();
        let mut otherwise = Vec::new();
        self.blocks_open += 1;
        loop {
            let test = self.tuple(false)?;
            let (body, end) = self.body(&["elif", "else", "endif"], opening)?;
            branches.push((test, body));
            match end.as_str() {
                "elif" => {}
                "else" => {
                    (otherwise, _) = self.body(&["endif"], opening)?;
                    break;
                }
                _ => break,
            }
        }
        self.blocks_open -= 1;
        Ok(Statement::If { branches, otherwise })
    }

    fn for_statement(&mut self, opening: Span) -> Result<Statement, Error> {
        let target = self.target(false)?;
        if !self.skip_name("in") {
            return self.unexpected("'in'");
        }
        let iterable = self.tuple(false)?;
        let condition = if self.skip_name("if") { Some(self.conditional()?) } else { None };
        let recursive = self.skip_name("recursive");
        self.blocks_open += 1;
        let (body, end) = self.body(&["else", "endfor"], opening)?;
        let otherwise = if end == "else" { self.body(&["endfor"], opening)?.0 } else { Vec::new() };
        self.blocks_open -= 1;
        Ok(Statement::For(Arc::new(ForLoop { target, iterable, condition, recursive, body, otherwise })))
    }

    fn set_statement(&mut self, opening: Span) -> Result<Statement, Error> {
        let target = self.target(true)?;
        if self.skip_symbol("=") {
            return Ok(Statement::Set { target, value: self.tuple(true)? });
        }
        let filters = self.filter_chain(false)?;
        let body = self.block_body(&["endset"], opening)?;
        Ok(Statement::SetBlock { target, filters, body })
    }

    fn with_statement(&mut self, opening: Span) -> Result<Statement, Error> {
        let mut bindings = Vec::new();
        while *self.peek() != Token::BlockEnd && !self.is_symbol(":") {
            if !bindings.is_empty() {
                self.expect_symbol(",")?;
            }
            let target = self.target(false)?;
            self.expect_symbol("=")?;
            bindings.push((target, self.conditional()?));
        }
        let body = self.block_body(&["endwith"], opening)?;
        Ok(Statement::With { bindings, body })
    }

    fn print_statement(&mut self, start: usize, body: &mut Body) -> Result<(), Error> {
        let mut first = true;
        while *self.peek() != Token::BlockEnd {
            if !first {
                self.expect_symbol(",")?;
            }
            first = false;
            let value = self.conditional()?;
            let constant = is_constant(&value);
            body.push(Statement::Emit { value, span: Span::new(start, self.last_end()), constant });
        }
        Ok(())
    }

    fn call_statement(&mut self, opening: Span) -> Result<Statement, Error> {
        let parameters = if self.is_symbol("(") { self.signature()? } else { Vec::new() };
        let call = self.conditional()?;
        let span = call.span;
        let ExpressionKind::Call(callee, arguments) = call.kind else {
            return self.fail(span, "expected a call, such as '{% call statement(...) %}'");
        };
        let body = self.block_body(&["endcall"], opening)?;
        let caller = self.routine("caller".into(), parameters, body, opening);
        Ok(Statement::CallBlock { callee: *callee, arguments, caller: Arc::new(caller), span })
    }

    // ---- dbt's blocks -------------------------------------------------------------------------------------------

    fn routine(&self, name: String, parameters: Vec<Parameter>, body: Body, opening: Span) -> Routine {
        let mut reads = Reads::default();
        walk_body(&body, &mut |expression| {
            if let ExpressionKind::Name(name) = &expression.kind {
                match name.as_str() {
                    "varargs" => reads.varargs = true,
                    "kwargs" => reads.kwargs = true,
                    "caller" => reads.caller = true,
                    _ => {}
                }
            }
        });
        // The closing tag ends with the next `%}`.
        let end = self.tokens[self.position.min(self.tokens.len() - 1)..]
            .iter()
            .find(|spanned| spanned.token == Token::BlockEnd)
            .map_or(self.last_end(), |spanned| spanned.span.end);
        Routine { name, parameters, body, source: self.source.clone(), span: Span::new(opening.start, end), reads }
    }

    fn macro_definition(&mut self, keyword: &str, opening: Span) -> Result<(), Error> {
        let name = self.expect_name("the name of the macro")?;
        let parameters = self.signature()?;
        let (kind, name, ends): (_, _, &[&str]) = match keyword {
            "macro" => (MacroKind::Macro, name, &["endmacro"]),
            "test" => (MacroKind::Test, format!("test_{name}"), &["endtest"]),
            _ => (MacroKind::Test, format!("test_{name}"), &["endtest", "enddata_test"]),
        };
        let body = self.block_body(ends, opening)?;
        self.skip_closing_name();
        self.define(kind, name, parameters, body, opening);
        Ok(())
    }

    /// The name that some write behind `endmacro`.
    fn skip_closing_name(&mut self) {
        if matches!(self.peek(), Token::Name(_)) {
            self.position += 1;
        }
    }

    fn define(&mut self, kind: MacroKind, name: String, parameters: Vec<Parameter>, body: Body, opening: Span) {
        let routine = Arc::new(self.routine(name, parameters, body, opening));
        if self.blocks_open == 0 {
            self.macros.push(Arc::new(MacroDef::new(kind, routine)));
        }
    }

    fn materialization(&mut self, opening: Span) -> Result<(), Error> {
        let name = self.expect_name("the name of the materialization")?;
        let mut adapter = "default".to_string();
        let mut languages = vec!["sql".to_string()];
        while self.skip_symbol(",") {
            let span = self.span();
            match self.expect_name("'default', 'adapter' or 'supported_languages'")?.as_str() {
                "default" => {}
                "adapter" => {
                    self.expect_symbol("=")?;
                    match self.advance() {
                        Token::Text(text) => adapter = text,
                        _ => {
                            return self.fail(span, "the adapter of a materialization must be a string");
                        }
                    }
                }
                "supported_languages" => {
                    self.expect_symbol("=")?;
                    languages = self.languages()?;
                }
                other => {
                    return self.fail(span, format!("a materialization takes no argument '{other}'"));
                }
            }
        }
        let body = self.block_body(&["endmaterialization"], opening)?;
        self.skip_closing_name();
        let list = languages.iter().map(|language| constant(Value::from(language.as_str()))).collect();
        let default = Expression { kind: ExpressionKind::List(list), span: opening, depth: 2 };
        let parameters = vec![Parameter { name: "supported_languages".into(), default: Some(default) }];
        let full_name = format!("materialization_{name}_{adapter}");
        let kind = MacroKind::Materialization { name, adapter, supported_languages: languages };
        self.define(kind, full_name, parameters, body, opening);
        Ok(())
    }

    fn languages(&mut self) -> Result<Vec<String>, Error> {
        let list = self.conditional()?;
        let text = |item: &Expression| match &item.kind {
            ExpressionKind::Constant(value) => value.as_str().map(str::to_string),
            _ => None,
        };
        let languages = match &list.kind {
            ExpressionKind::List(items) | ExpressionKind::Tuple(items) => items.iter().map(text).collect(),
            _ => None,
        };
        match languages {
            Some(languages) => Ok(languages),
            None => self.fail(list.span, "supported_languages must be a list of strings"),
        }
    }

    fn named_block(&mut self, kind: BlockKind, end: &str, opening: Span) -> Result<(), Error> {
        let name = self.expect_name("the name of the block")?;
        let body_start = self.span().end;
        let body = self.block_body(&[end], opening)?;
        // Two tokens back stands the `{%` of the closing tag.
        let body_end = self.position.checked_sub(2).map_or(body_start, |index| self.tokens[index].span.start);
        self.skip_closing_name();
        let span = Span::new(opening.start, self.span().end);
        if self.blocks_open == 0 {
            let body_span = Span::new(body_start, body_end.max(body_start));
            self.blocks.push(ParsedBlock { kind, name, span, body_span, body: Arc::new(body) });
        }
        Ok(())
    }

    /// `(a, b: str, c=1)`
    fn signature(&mut self) -> Result<Vec<Parameter>, Error> {
        self.expect_symbol("(")?;
        let mut parameters: Vec<Parameter> = Vec::new();
        while !self.is_symbol(")") {
            if !parameters.is_empty() {
                self.expect_symbol(",")?;
            }
            let span = self.span();
            let name = self.expect_name("the name of a parameter")?;
            if self.skip_symbol(":") {
                self.nested(Self::type_annotation)?;
            }
            let default = if self.skip_symbol("=") { Some(self.conditional()?) } else { None };
            if default.is_none() && parameters.last().is_some_and(|last| last.default.is_some()) {
                return self.fail(span, format!("parameter '{name}' needs a default, the one before has one"));
            }
            parameters.push(Parameter { name, default });
        }
        self.expect_symbol(")")?;
        Ok(parameters)
    }

    /// `Dict[str, int]`; read and forgotten.
    fn type_annotation(&mut self) -> Result<(), Error> {
        self.expect_name("the name of a type")?;
        if self.skip_symbol("[") {
            let mut first = true;
            while !self.is_symbol("]") {
                if !first {
                    self.expect_symbol(",")?;
                }
                first = false;
                self.nested(Self::type_annotation)?;
            }
            self.expect_symbol("]")?;
        }
        Ok(())
    }

    // ---- assignment targets -------------------------------------------------------------------------------------

    /// `a`, `a, b`, `(a, b)` and with `attributes` also `namespace.a`.
    fn target(&mut self, attributes: bool) -> Result<Target, Error> {
        let start = self.span().start;
        let first = self.single_target(attributes)?;
        if !self.is_symbol(",") {
            return Ok(first);
        }
        let mut targets = vec![first];
        while self.skip_symbol(",") {
            if !matches!(self.peek(), Token::Name(_) | Token::Symbol("(")) || self.is_name("in") {
                break;
            }
            targets.push(self.single_target(attributes)?);
        }
        Ok(Target::Tuple(targets, Span::new(start, self.last_end())))
    }

    fn single_target(&mut self, attributes: bool) -> Result<Target, Error> {
        let span = self.span();
        if self.skip_symbol("(") {
            let inner = self.nested(|parser| parser.target(attributes))?;
            self.expect_symbol(")")?;
            return Ok(inner);
        }
        let name = self.expect_name("the name of a variable")?;
        if matches!(name.as_str(), "true" | "false" | "none" | "True" | "False" | "None") {
            return self.fail(span, format!("cannot assign to '{name}'"));
        }
        if attributes && self.skip_symbol(".") {
            let attribute = self.expect_name("the name of an attribute")?;
            return Ok(Target::Attribute { object: name, attribute, span: Span::new(span.start, self.last_end()) });
        }
        Ok(Target::Name(name))
    }
}

fn constant(value: Value) -> Expression {
    Expression { kind: ExpressionKind::Constant(value), span: Span::default(), depth: 1 }
}

/// Whether Jinja computes the expression when it compiles the template, and emits it as text even in native mode.
fn is_constant(expression: &Expression) -> bool {
    let all = |items: &[Expression]| items.iter().all(is_constant);
    let arguments = |arguments: &CallArguments| arguments.expressions().all(is_constant);
    match &expression.kind {
        ExpressionKind::Constant(_) => true,
        ExpressionKind::Name(_) | ExpressionKind::Call(..) => false,
        ExpressionKind::Tuple(items)
        | ExpressionKind::List(items)
        | ExpressionKind::And(items)
        | ExpressionKind::Or(items)
        | ExpressionKind::Concat(items) => all(items),
        ExpressionKind::Dict(entries) => entries.iter().all(|(key, value)| is_constant(key) && is_constant(value)),
        ExpressionKind::Not(inner)
        | ExpressionKind::Negative(inner)
        | ExpressionKind::Positive(inner)
        | ExpressionKind::Attribute(inner, _) => is_constant(inner),
        ExpressionKind::Binary(_, left, right) | ExpressionKind::Item(left, right) => {
            is_constant(left) && is_constant(right)
        }
        ExpressionKind::Compare(first, rest) => is_constant(first) && rest.iter().all(|(_, item)| is_constant(item)),
        ExpressionKind::Conditional { test, value, otherwise } => {
            is_constant(test) && is_constant(value) && otherwise.as_ref().is_some_and(|inner| is_constant(inner))
        }
        ExpressionKind::Filter(input, filter) => {
            !filter.name.starts_with("as_") && is_constant(input) && arguments(&filter.arguments)
        }
        ExpressionKind::Test { input, test, .. } => is_constant(input) && arguments(&test.arguments),
        ExpressionKind::Slice { object, bounds } => {
            is_constant(object) && bounds.iter().flatten().all(|bound| is_constant(bound))
        }
    }
}
