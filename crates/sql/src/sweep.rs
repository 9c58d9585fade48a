//! A sweep over the whole text for what makes a query unstable, wherever it stands.
//!
//! Binding stops at the first construct without a rule, and there are corners it has no need to enter (the order of a limit, a list to
//! unnest). A clock, a random number or a file counts there all the same, so every function and every table of the text is asked about.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, ObjectName, Query, SetExpr, Spanned, TableFactor, Value, Visit, Visitor};
use sqlparser::tokenizer::{Span, Token, Tokenizer};

use crate::bind::{Findings, call, function_name, kind_of, unknown_table, unwatched_function};
use crate::text::{Expanded, parts_of, span_of};
use crate::{Catalog, Finding, FunctionKind, Place};

/// Adds what the sweep finds and binding did not. `harmless` are calls that are accounted for.
pub(crate) fn sweep(query: &Query, text: &Expanded, catalog: &dyn Catalog, harmless: &[Span], findings: &mut Findings) {
    let (common, unread) = (common(query), unread(query));
    let mut sweep = Sweep {
        text,
        catalog,
        common,
        harmless,
        unread,
        unread_around: 0,
        refusals: Vec::new(),
        unstable: Vec::new(),
        text_follows: false,
    };
    let _ = query.visit(&mut sweep);
    let Sweep { refusals, unstable, .. } = sweep;
    for (found, known) in [(refusals, &mut findings.refusals), (unstable, &mut findings.unstable)] {
        for finding in found {
            let same = |other: &Finding| other.rule == finding.rule && other.message == finding.message;
            if !known.iter().any(same) {
                known.push(finding);
            }
        }
    }
}

/// What has to be said of a sample.
pub(crate) fn sampled(place: Option<Place>) -> Finding {
    Finding {
        rule: "sample",
        message: "a sample takes any rows it likes, so no two rebuilds need agree".to_owned(),
        help: "sample by a hash of the key: where hash(id) % 100 < 5".to_owned(),
        place,
    }
}

/// What makes a text that the parser could not read a query without one answer, as far as its words tell: samples, and functions that answer
/// anew at every call.
pub(crate) fn sweep_words(sql: &str, catalog: &dyn Catalog) -> Vec<Finding> {
    let dialect = catalog.dialect();
    let Ok(tokens) = Tokenizer::new(dialect.reading().parser(), sql).tokenize() else { return Vec::new() };
    let tokens: Vec<&Token> = tokens.iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let bare = |at: usize| match tokens.get(at) {
        Some(Token::Word(word)) if word.quote_style.is_none() => Some(word.value.to_ascii_lowercase()),
        _ => None,
    };
    let mut found: Vec<Finding> = Vec::new();
    for at in 0..tokens.len() {
        let Some(word) = bare(at) else { continue };
        let sample = match word.as_str() {
            "using" => bare(at + 1).is_some_and(|next| next == "sample"),
            "tablesample" => true,
            _ => false,
        };
        let called = matches!(tokens.get(at + 1), Some(Token::LParen));
        let kind = catalog.function(&word).filter(|kind| called && *kind == FunctionKind::Volatile);
        found.extend(sample.then(|| sampled(None)));
        found.extend(kind.and_then(|kind| call(Some(kind), &word, None)));
    }
    found.dedup();
    found
}

/// The common table expressions that nobody reads: the engine never runs them, so what they would do is nobody's matter.
fn unread(query: &Query) -> BTreeSet<*const Query> {
    struct Unread(BTreeSet<*const Query>);
    impl Visitor for Unread {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let Some(with) = &query.with else { return ControlFlow::Continue(()) };
            let mut wanted = Mentioned(BTreeSet::new());
            let _ = query.body.visit(&mut wanted);
            let _ = query.order_by.visit(&mut wanted);
            let _ = query.limit_clause.visit(&mut wanted);
            // A later one may read an earlier one. Where all may read each other, none is left out.
            for cte in with.cte_tables.iter().rev() {
                if with.recursive || wanted.0.contains(&cte.alias.name.value.to_ascii_lowercase()) {
                    let _ = cte.query.visit(&mut wanted);
                } else {
                    self.0.insert(std::ptr::from_ref(&*cte.query));
                }
            }
            ControlFlow::Continue(())
        }
    }
    let mut unread = Unread(BTreeSet::new());
    let _ = query.visit(&mut unread);
    unread.0
}

/// The last parts of the names of tables, in lower case.
struct Mentioned(BTreeSet<String>);

impl Visitor for Mentioned {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let SetExpr::Table(table) = query.body.as_ref() {
            self.0.extend(table.table_name.iter().map(|name| name.to_ascii_lowercase()));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        let last = relation.0.last().map(|part| part.to_string().trim_matches('"').to_ascii_lowercase());
        self.0.extend(last);
        ControlFlow::Continue(())
    }
}

/// The names of all common table expressions, in lower case.
fn common(query: &Query) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
            self.0.extend(ctes.map(|cte| cte.alias.name.value.to_ascii_lowercase()));
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(BTreeSet::new());
    let _ = query.visit(&mut names);
    names.0
}

struct Sweep<'s> {
    text: &'s Expanded,
    catalog: &'s dyn Catalog,
    common: BTreeSet<String>,
    harmless: &'s [Span],
    unread: BTreeSet<*const Query>,
    /// How many of them we are within.
    unread_around: usize,
    refusals: Vec<Finding>,
    unstable: Vec<Finding>,
    /// Whether the expression met next is cast to text.
    text_follows: bool,
}

impl Sweep<'_> {
    fn table(&mut self, parts: Option<Vec<String>>, written: &str, span: Span) {
        let known = parts.is_some_and(|parts| {
            let common = matches!(parts.as_slice(), [single] if self.common.contains(&single.to_ascii_lowercase()));
            !parts.is_empty() && (common || self.catalog.table(&parts).is_some())
        });
        if !known {
            self.unstable.push(unknown_table(written, self.text.place(span)));
        }
    }

    /// Words and strings that stand for what passes: the day, the session, the place of a row.
    fn passing(&mut self, expression: &Expr) {
        let reading = self.catalog.dialect().reading();
        let as_text = std::mem::take(&mut self.text_follows);
        let found = match expression {
            Expr::Identifier(name) if name.quote_style.is_none() && reading.is_special(&name.value) => {
                Some(&name.value)
            }
            Expr::CompoundIdentifier(names) => names
                .last()
                .filter(|name| name.quote_style.is_none() && reading.is_special(&name.value))
                .map(|name| &name.value),
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(literal) if !as_text && reading.passes(literal) => Some(literal),
                _ => None,
            },
            Expr::TypedString(typed) => match &typed.value.value {
                Value::SingleQuotedString(literal) if reading.passes(literal) => Some(literal),
                _ => None,
            },
            Expr::Cast { data_type, .. } => {
                self.text_follows = reading.normalised(&data_type.to_string()) == "VARCHAR";
                None
            }
            _ => None,
        };
        if let Some(word) = found {
            self.unstable.push(Finding {
                rule: "clock",
                message: format!(
                    "`{word}` stands for the present, the session or the place of a row, so the result changes without any \
                     input changing; the model is rebuilt whole in every run"
                ),
                help: format!("if it is only a word, say so: '{word}'::text"),
                place: self.text.place(expression.span()),
            });
        }
    }

    fn table_function(&mut self, name: &ObjectName) {
        let function =
            name.0.last().map(|part| part.to_string().trim_matches('"').to_ascii_lowercase()).unwrap_or_default();
        if !self.catalog.dialect().reading().is_series(&function) {
            self.unstable.push(unwatched_function(&function, self.text.place(span_of(name))));
        }
    }
}

impl Visitor for Sweep<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.unread_around += usize::from(self.unread.contains(&std::ptr::from_ref(query)));
        if self.unread_around > 0 {
            return ControlFlow::Continue(());
        }
        if let SetExpr::Table(table) = query.body.as_ref() {
            let parts: Vec<String> = table.schema_name.iter().chain(&table.table_name).cloned().collect();
            self.table(Some(parts), &table.to_string(), Span::empty());
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.unread_around -= usize::from(self.unread.contains(&std::ptr::from_ref(query)));
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        if self.unread_around > 0 {
            return ControlFlow::Continue(());
        }
        if let TableFactor::Table { sample: Some(_), .. } | TableFactor::Derived { sample: Some(_), .. } = factor {
            self.refusals.push(sampled(self.text.place(factor.span())));
        }
        match factor {
            TableFactor::Table { name, args: None, .. } => {
                self.table(parts_of(name), &name.to_string(), span_of(name));
            }
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                self.table_function(name);
            }
            TableFactor::TableFunction { .. } => {
                self.unstable.push(unwatched_function("table", self.text.place(factor.span())));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        if self.unread_around > 0 {
            return ControlFlow::Continue(());
        }
        self.passing(expression);
        if let Expr::Function(function) = expression {
            let name = function_name(function);
            let kind = kind_of(function, self.catalog);
            let place = self.text.place(function.span());
            match call(kind, &name, place) {
                Some(finding) if kind == Some(FunctionKind::Volatile) => self.refusals.push(finding),
                Some(_) if self.harmless.contains(&function.name.span()) => {}
                Some(finding) => self.unstable.push(finding),
                None => {}
            }
        }
        ControlFlow::Continue(())
    }
}
