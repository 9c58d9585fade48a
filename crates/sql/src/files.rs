//! Files that a query reads: `read_parquet('orders/*.parquet')`, `from 'orders.csv'`.
//!
//! A call counts only where its arguments are written out: what a variable or a function says can be another file tomorrow.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, ObjectName, ObjectNamePart, TableAlias, TableFactor, Visit, Visitor,
    visit_expressions,
};
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::Dialect;
use crate::text::{offset, parse, span_of};

/// One mention of files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRead {
    /// Where it begins in the text, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What is read, as it stands after `from`.
    pub call: String,
    /// The files: a text or a list of texts, in SQL.
    pub path: String,
    /// The name its columns go by when the query gives it none.
    pub alias: Option<String>,
}

/// The files that a query reads, in the order of its text; none of a text that cannot be read.
pub fn file_reads(sql: &str, dialect: Dialect) -> Vec<FileRead> {
    if !may_read(sql, dialect) {
        return Vec::new();
    }
    let Ok(query) = parse(sql, dialect) else { return Vec::new() };
    let mut visitor = Files { sql, lines: lines(sql), dialect, calls: Vec::new(), texts: Vec::new() };
    let _ = query.visit(&mut visitor);
    let mut found = visitor.texts();
    found.append(&mut visitor.calls);
    found.sort_by_key(|read| read.start);
    found
}

struct Files<'a> {
    sql: &'a str,
    lines: Vec<usize>,
    dialect: Dialect,
    calls: Vec<FileRead>,
    /// Texts that stand where a table is named, and whether they have an alias.
    texts: Vec<(String, bool)>,
}

impl Files<'_> {
    fn call(&mut self, name: &ObjectName, arguments: &[FunctionArg], alias: Option<&TableAlias>) -> Option<()> {
        let [ObjectNamePart::Identifier(function)] = name.0.as_slice() else { return None };
        let function = function.value.to_ascii_lowercase();
        if !self.dialect.reading().reads_files(&function) || !is_written_out(&arguments.to_vec()) {
            return None;
        }
        let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(path))) = arguments.first() else { return None };
        let start = offset(self.sql, &self.lines, span_of(name).start)?;
        let end = start + closed(self.sql.get(start..)?, self.dialect)?;
        let call = self.sql.get(start..end)?.to_owned();
        let alias = alias.is_none().then_some(function);
        self.calls.push(FileRead { start, end, call, path: path.to_string(), alias });
        Some(())
    }

    fn text(&mut self, name: &ObjectName, alias: Option<&TableAlias>) -> Option<()> {
        let [ObjectNamePart::Identifier(file)] = name.0.as_slice() else { return None };
        if file.quote_style == Some('\'') && self.dialect.reading().reads_files("from") {
            self.texts.push((file.value.clone(), alias.is_some()));
        }
        Some(())
    }

    /// The parser does not say where such a text stands. Where the same text stands elsewhere, too, nobody knows which is which.
    fn texts(&self) -> Vec<FileRead> {
        let parser = self.dialect.reading().parser();
        let Ok(tokens) = Tokenizer::new(parser, self.sql).tokenize_with_location() else { return Vec::new() };
        let mut found = Vec::new();
        for (index, (value, aliased)) in self.texts.iter().enumerate() {
            let alike = |token: &Token| matches!(token, Token::SingleQuotedString(text) if text == value);
            let places: Vec<_> = tokens.iter().filter(|token| alike(&token.token)).collect();
            let nth = self.texts[..index].iter().filter(|(other, _)| other == value).count();
            let mentions = self.texts.iter().filter(|(other, _)| other == value).count();
            let Some(token) = places.get(nth).filter(|_| places.len() == mentions) else { continue };
            let range =
                offset(self.sql, &self.lines, token.span.start).zip(offset(self.sql, &self.lines, token.span.end));
            let Some((call, (start, end))) =
                range.and_then(|(start, end)| Some((self.sql.get(start..end)?.to_owned(), (start, end))))
            else {
                continue;
            };
            let base = value.rsplit('/').next().and_then(|file| file.split('.').next()).unwrap_or_default();
            let alias = (!aliased && !base.is_empty()).then(|| base.to_owned());
            found.push(FileRead { start, end, path: call.clone(), call, alias });
        }
        found
    }
}

/// A glance that spares most texts the parser.
fn may_read(sql: &str, dialect: Dialect) -> bool {
    let lower = sql.to_ascii_lowercase();
    let named = |before: &str| ["from", "join", ",", "("].iter().any(|word| before.trim_end().ends_with(word));
    dialect.reading().reads_files("from")
        && (lower.contains("read_")
            || lower.contains("parquet_scan")
            || lower.match_indices('\'').any(|(at, _)| named(&lower[..at])))
}

fn lines(sql: &str) -> Vec<usize> {
    std::iter::once(0).chain(sql.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

impl Visitor for Files<'_> {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        match factor {
            TableFactor::Table { name, args: None, alias, .. } => self.text(name, alias.as_ref()),
            TableFactor::Table { name, args: Some(arguments), alias, .. } => {
                self.call(name, &arguments.args, alias.as_ref())
            }
            TableFactor::Function { name, args, alias, .. } => self.call(name, args, alias.as_ref()),
            _ => None,
        };
        ControlFlow::Continue(())
    }
}

/// Whether nothing in the arguments has to be computed.
fn is_written_out(arguments: &Vec<FunctionArg>) -> bool {
    let mut written = true;
    let _ = visit_expressions(arguments, |expression: &Expr| {
        written &= !matches!(
            expression,
            Expr::Function(_) | Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } | Expr::Case { .. }
        );
        ControlFlow::<()>::Continue(())
    });
    written
}

/// The length of a call, to its closing parenthesis.
fn closed(text: &str, dialect: Dialect) -> Option<usize> {
    let lines = lines(text);
    let tokens = Tokenizer::new(dialect.reading().parser(), text).tokenize_with_location().ok()?;
    let mut open = 0_u32;
    for token in tokens {
        match token.token {
            Token::LParen => open += 1,
            Token::RParen if open == 1 => return offset(text, &lines, token.span.end),
            Token::RParen => open = open.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::file_reads;
    use crate::Dialect;

    #[test]
    fn files_are_found_where_they_are_written_out() {
        let sql = "with a as (select * from read_parquet(['x/*.parquet', 'y.parquet'], union_by_name = true) as p),\n\
                   b as (select * from READ_CSV('it''s (1).csv', header = true)),\n\
                   c as (select * from read_parquet(getvariable('there')))\n\
                   select extract(day from '2024-01-01'), t.* from 'data/orders.v2.parquet', 'new.csv' t, range(3), raw.read_csv, b";
        let found: Vec<String> = file_reads(sql, Dialect::DuckDb)
            .into_iter()
            .map(|read| {
                assert_eq!(sql[read.start..read.end], read.call);
                format!("{} | {} | {}", read.call, read.path, read.alias.as_deref().unwrap_or("-"))
            })
            .collect();
        insta::assert_snapshot!(found.join("\n"), @r"
        read_parquet(['x/*.parquet', 'y.parquet'], union_by_name = true) | ['x/*.parquet', 'y.parquet'] | -
        READ_CSV('it''s (1).csv', header = true) | 'it''s (1).csv' | read_csv
        'data/orders.v2.parquet' | 'data/orders.v2.parquet' | orders
        'new.csv' | 'new.csv' | -
        ");
        assert_eq!(file_reads(sql, Dialect::Postgres), []);
    }
}
