//! Keys and aggregates replaced in an expression's own text, and what came out held against the tree that should have.
//!
//! A replacement in a text can change what the words around it belong to (`b * a + c` has `a + c` in it). So the same is done to the tree, and the
//! text is read again: where the two differ, the query is not split.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Function, Ident, VisitMut, VisitorMut, visit_expressions, visit_expressions_mut};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

use super::aggregates::{Combined, Manner, check, manner};
use super::block::{Block, Range};
use super::lexemes::{Lexeme, closing, lexemes};
use super::{Key, SplitRequest, finding, is_column, key_name};
use crate::{Dialect, Finding, FunctionKind};

/// An aggregate of the query.
pub(super) struct Aggregate {
    pub text: String,
    pub range: Range,
    /// Bytes of the function's name.
    pub name_length: usize,
    pub call: Function,
    pub manner: Manner,
    /// As it is compared with others.
    expression: Expr,
}

/// The name that stands for an aggregate until it is known how it is combined, counted from 0.
fn token(number: usize) -> String {
    format!("hw_combined_{number}_of_partials")
}

/// The text with what the names stand for.
pub(super) fn written(text: String, combinations: &[Combined]) -> String {
    combinations.iter().enumerate().fold(text, |text, (number, combination)| text.replace(&token(number), combination))
}

/// An expression as it is compared: without places, quotes and the case of names.
pub(super) fn normal(expression: &Expr) -> Expr {
    let mut normal = expression.clone();
    let lower = |name: &mut Ident| *name = Ident::new(name.value.to_lowercase());
    let _ = visit_expressions_mut(&mut normal, |part| {
        match part {
            Expr::Identifier(name) => lower(name),
            Expr::CompoundIdentifier(names) => names.iter_mut().for_each(lower),
            Expr::Function(function) => {
                for part in &mut function.name.0 {
                    if let sqlparser::ast::ObjectNamePart::Identifier(name) = part {
                        lower(name);
                    }
                }
            }
            _ => {}
        }
        ControlFlow::<()>::Continue(())
    });
    normal
}

/// Reads an expression that is the whole of a text.
pub(super) fn read(text: &str, dialect: Dialect) -> Option<Expr> {
    let mut parser = Parser::new(dialect.reading().parser()).try_with_sql(text).ok()?;
    let expression = parser.parse_expr().ok()?;
    (parser.peek_token().token == Token::EOF).then_some(expression)
}

/// Whether a stretch of the text aggregates.
///
/// # Errors
/// When it does so in a way that cannot be split.
pub(super) fn aggregates(request: &SplitRequest, block: &Block, range: Range) -> Result<bool, Finding> {
    let mut editor = Editor::new(request, block, &[]);
    editor.calls(range).map(|calls| !calls.is_empty())
}

/// Edits the expressions of one aggregation.
pub(super) struct Editor<'a> {
    request: &'a SplitRequest<'a>,
    block: &'a Block<'a>,
    keys: &'a [Key],
    /// The words of every key.
    words: Vec<Vec<Lexeme>>,
    /// The aggregates found so far, each once.
    pub found: Vec<Aggregate>,
}

impl<'a> Editor<'a> {
    pub fn new(request: &'a SplitRequest<'a>, block: &'a Block<'a>, keys: &'a [Key]) -> Self {
        let words = keys.iter().map(|key| lexemes(&key.text, request.dialect).unwrap_or_default()).collect();
        Self { request, block, keys, words, found: Vec::new() }
    }

    /// A stretch of the text with names in place of keys and aggregates.
    ///
    /// # Errors
    /// When something in it is neither, or cannot be split.
    pub fn edit(&mut self, range: Range, expression: &Expr) -> Result<String, Finding> {
        let calls = self.calls(range)?;
        let mut replaced: BTreeMap<usize, (usize, String)> =
            calls.into_iter().map(|(start, end, number)| (start, (end, token(number)))).collect();
        self.find_keys(range, &mut replaced);
        let mut text = String::new();
        let mut done = range.0;
        for (start, (end, name)) in replaced {
            text.push_str(self.block.text((done, start)));
            text.push_str(&name);
            done = end;
        }
        text.push_str(self.block.text((done, range.1)));
        let mut wanted = normal(expression);
        let _ = VisitMut::visit(&mut wanted, &mut Replacing { editor: self });
        let came_out = read(&text, self.request.dialect).map(|read| normal(&read));
        if let Some(name) = self.left_over(&wanted) {
            return Err(finding(
                format!("{name} is no key as `group by` has it, and stands in no aggregate"),
                "group by it as it is written in the select list, or by its place there",
                Some(range),
            ));
        }
        if came_out.as_ref() == Some(&wanted) {
            Ok(text)
        } else {
            let words = self.block.text(range);
            Err(finding(
                format!("`{words}` could not be followed"),
                "write its keys and aggregates as columns of their own",
                Some(range),
            ))
        }
    }

    /// The aggregates in a stretch: first byte, last byte, and their numbers.
    fn calls(&mut self, range: Range) -> Result<Vec<(usize, usize, usize)>, Finding> {
        let words = self.block.words(range);
        let mut found = Vec::new();
        let mut at = 0;
        while at < words.len() {
            if words[at].is("select") {
                return Err(finding(
                    "a subquery stands beside its aggregates".to_owned(),
                    "join what it reads before the aggregation, or in a model that reads this one",
                    Some((words[at].start, words[at].end)),
                ));
            }
            match self.call(words, at)? {
                Some((last, aggregate)) => {
                    let (start, end) = aggregate.range;
                    let known = self.found.iter().position(|other| other.expression == aggregate.expression);
                    found.push((start, end, known.unwrap_or(self.found.len())));
                    if known.is_none() {
                        self.found.push(aggregate);
                    }
                    at = last + 1;
                }
                None => at += 1,
            }
        }
        Ok(found)
    }

    /// The aggregate that begins with a word, and the place of its last word.
    fn call(&self, words: &[Lexeme], at: usize) -> Result<Option<(usize, Aggregate)>, Finding> {
        let (Token::Word(word), Some(next)) = (&words[at].token, words.get(at + 1)) else { return Ok(None) };
        if next.token != Token::LParen {
            return Ok(None);
        }
        let name = word.value.to_lowercase();
        let no = |message: &str, help: &str, last: usize| {
            let range = (words[at].start, words[last].end);
            Err(finding(format!("{} {message}", self.block.text(range)), help, Some(range)))
        };
        let last = closing(words, at + 1).unwrap_or(at + 1);
        if at > 0 && words[at - 1].token == Token::Period {
            return no("is called with a dot before it", "write it as a plain call", last);
        }
        match words.get(last + 1) {
            Some(next) if next.is("over") => {
                return no(
                    "is a window over groups",
                    "aggregate in this model, and number or rank in one that reads it",
                    last,
                );
            }
            Some(next) if next.is("within") => {
                return no("is not made of the same of parts", "leave it to a model without partials", last);
            }
            _ => {}
        }
        let kind = (self.request.function)(&name).unwrap_or_else(|| self.request.dialect.builtin(&name));
        let Some(manner) = manner(&name, self.request.dialect) else {
            if kind == FunctionKind::Aggregate {
                return no(
                    "is not made of the same of parts",
                    "leave it to a model of its own, rebuilt by key without partials",
                    last,
                );
            }
            return Ok(None);
        };
        if matches!(kind, FunctionKind::Macro) {
            return no("is a macro of the database", "call the engine's own function", last);
        }
        let filtered = words.get(last + 1).is_some_and(|next| next.is("filter"));
        let last = if filtered { closing(words, last + 2).unwrap_or(last) } else { last };
        let range = (words[at].start, words[last].end);
        let text = self.block.text(range).to_owned();
        let Some(Expr::Function(call)) = read(&text, self.request.dialect) else {
            return no("could not be read", "write it as a plain call", last);
        };
        let expression = normal(&Expr::Function(call.clone()));
        let name_length = words[at].end - words[at].start;
        let aggregate = Aggregate { text, range, name_length, call, manner, expression };
        check(&aggregate)?;
        Ok(Some((last, aggregate)))
    }

    /// Where keys stand in a stretch, outside of what is replaced already. Longer ones first: one may lie in another.
    fn find_keys(&self, range: Range, replaced: &mut BTreeMap<usize, (usize, String)>) {
        let words = self.block.words(range);
        let mut order: Vec<usize> = (0..self.keys.len()).collect();
        order.sort_by_key(|number| std::cmp::Reverse(self.words[*number].len()));
        for number in order {
            let key = &self.words[number];
            for (at, window) in words.windows(key.len().max(1)).enumerate() {
                let dotted = |place: Option<&Lexeme>| place.is_some_and(|word| word.token == Token::Period);
                let same = window.iter().zip(key).all(|(word, own)| word.same(own));
                let before = at.checked_sub(1).and_then(|before| words.get(before));
                let (start, end) = (window[0].start, window[window.len() - 1].end);
                let free = replaced.iter().all(|(from, (to, _))| end <= *from || *to <= start);
                if same && free && !dotted(before) && !dotted(words.get(at + key.len())) {
                    replaced.insert(start, (end, key_name(number + 1)));
                }
            }
        }
    }

    /// A name in an edited expression that is neither a key nor an aggregate nor another column of the result.
    fn left_over(&self, edited: &Expr) -> Option<String> {
        let ours = |name: &str| {
            (0..self.found.len()).any(|number| token(number) == name)
                || (1..=self.keys.len()).any(|number| key_name(number) == name)
        };
        // Another column of the result, unless the tables have one of that name.
        let alias = |name: &Ident| {
            self.block.items.iter().any(|item| {
                item.alias_name.as_ref().is_some_and(|alias| self.request.dialect.same_name(alias, &name.value))
            }) && !is_column(self.request, self.block, &name.to_string())
        };
        let mut found = None;
        let _ = visit_expressions(edited, |part| {
            found = match part {
                Expr::Identifier(name) if !ours(&name.value) && !alias(name) => Some(name.value.clone()),
                Expr::CompoundIdentifier(_) => Some(part.to_string()),
                _ => return ControlFlow::Continue(()),
            };
            ControlFlow::Break(())
        });
        found
    }
}

/// Does to the tree what was done to the text.
struct Replacing<'e, 'a> {
    editor: &'e Editor<'a>,
}

impl VisitorMut for Replacing<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        let known = |own: &Expr| own == expression;
        let call = self.editor.found.iter().position(|aggregate| known(&aggregate.expression)).map(token);
        let key = || self.editor.keys.iter().position(|key| known(&key.expression)).map(|number| key_name(number + 1));
        if let Some(name) = call.or_else(key) {
            *expression = Expr::Identifier(Ident::new(name));
        }
        ControlFlow::Continue(())
    }
}
