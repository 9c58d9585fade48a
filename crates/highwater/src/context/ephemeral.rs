//! Ephemeral parents, put in front of a query as common table expressions.

use highwater_jinja::SourceMap;

use super::compile::Compiled;
use super::fault::Place;
use super::query_map::QueryMap;

/// A rendered template.
#[derive(Debug, Clone)]
pub(crate) struct Rendered {
    pub(crate) text: String,
    pub(crate) map: SourceMap,
    pub(crate) place: Place,
    /// Ephemeral models it refers to, in order.
    pub(crate) ephemeral: Vec<String>,
}

/// An ephemeral parent, ready to be put in front.
pub(crate) struct Expression {
    pub(crate) unique_id: String,
    pub(crate) name: String,
    pub(crate) query: Rendered,
}

/// Puts the expressions in front of a query: into its own `with` if it has one, else into a new one.
pub(crate) fn inject(query: &Rendered, expressions: &[Expression]) -> Compiled {
    let mut sql = String::new();
    let mut map = QueryMap::default();
    let head = head_of(&query.text);
    let cut = if expressions.is_empty() { 0 } else { head.insert_at };
    push(&mut sql, &mut map, query, 0, cut);
    for (index, expression) in expressions.iter().enumerate() {
        sql.push_str(match (index, head.has_with) {
            (0, false) => "with ",
            (0, true) => " ",
            _ => ", ",
        });
        sql.push_str(&expression.name);
        sql.push_str(" as (\n");
        let body = &expression.query;
        push(&mut sql, &mut map, body, 0, end_of(&body.text));
        sql.push_str("\n)");
    }
    if !expressions.is_empty() {
        sql.push_str(if head.has_with { "," } else { "\n" });
    }
    push(&mut sql, &mut map, query, cut, query.text.len());
    let injected = expressions.iter().map(|expression| expression.unique_id.clone()).collect();
    Compiled { sql, map, injected, batch: None }
}

/// Appends a part of a rendered text and notes where it came from.
fn push(sql: &mut String, map: &mut QueryMap, from: &Rendered, start: usize, end: usize) {
    if start < end {
        map.add(sql.len(), sql.len() + end - start, start, &from.place, &from.map);
        sql.push_str(&from.text[start..end]);
    }
}

/// Where a query's text ends, without a semicolon that would not fit into parentheses.
fn end_of(text: &str) -> usize {
    text.trim_end().trim_end_matches(';').len()
}

/// How a query begins.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    /// Whether it begins with `with`.
    has_with: bool,
    /// Behind `with` or `with recursive`; without one, where the text begins.
    insert_at: usize,
}

fn head_of(sql: &str) -> Head {
    let start = skip_blank(sql, 0);
    let Some(after_with) = word(sql, start, "with") else {
        // In front of comments too, as dbt has it: people compare the compiled texts.
        return Head { has_with: false, insert_at: sql.len() - sql.trim_start().len() };
    };
    let next = skip_blank(sql, after_with);
    Head { has_with: true, insert_at: word(sql, next, "recursive").unwrap_or(after_with) }
}

/// The offset behind a keyword, if it stands at `start`.
fn word(sql: &str, start: usize, keyword: &str) -> Option<usize> {
    let rest = &sql[start..];
    let end = rest.find(|character: char| !character.is_alphanumeric() && character != '_').unwrap_or(rest.len());
    rest[..end].eq_ignore_ascii_case(keyword).then_some(start + end)
}

/// The offset of the first thing that is neither blank nor comment.
fn skip_blank(sql: &str, start: usize) -> usize {
    let mut at = start;
    loop {
        let rest = &sql[at..];
        let trimmed = rest.trim_start();
        at += rest.len() - trimmed.len();
        if trimmed.starts_with("--") {
            at += trimmed.find('\n').map_or(trimmed.len(), |end| end + 1);
        } else if trimmed.starts_with("/*") {
            at += block_comment(trimmed);
        } else {
            return at;
        }
    }
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::head_of;

    #[test]
    fn the_head_of_a_query_is_found_behind_comments() {
        let cut = |sql: &str| {
            let head = head_of(sql);
            format!("{}|{}", &sql[..head.insert_at], &sql[head.insert_at..])
        };
        let cases = [
            "select 1",
            "with a as (select 1) select * from a",
            "-- with comment\nWITH RECURSIVE a as (select 1) select 1",
            "/* with /* nested */ */ with/**/recursive a as (select 1) select 1",
            "select 'with' from with_things",
            "with_things",
            "(with a as (select 1) select 1)",
            "-- only a comment",
        ];
        insta::assert_snapshot!(cases.map(cut).join("\n---\n"), @"
        |select 1
        ---
        with| a as (select 1) select * from a
        ---
        -- with comment
        WITH RECURSIVE| a as (select 1) select 1
        ---
        /* with /* nested */ */ with/**/recursive| a as (select 1) select 1
        ---
        |select 'with' from with_things
        ---
        |with_things
        ---
        |(with a as (select 1) select 1)
        ---
        |-- only a comment
        ");
    }
}
