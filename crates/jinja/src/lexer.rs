//! Text into tokens with byte spans.
//!
//! Literal text, tags and the tokens inside tags in one list. Whitespace control (`{%-`, `-%}`, `{%+`) is applied
//! here, as is the removal of comments and the reading of `{% raw %}`. Line ends become `\n`, and one line end at the
//! end of the template is dropped, as dbt's settings of Jinja have it.

use crate::{Error, ErrorKind, Span};

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// Literal text.
    Data(String),
    /// `{{`
    VariableBegin,
    /// `}}`
    VariableEnd,
    /// `{%`
    BlockBegin,
    /// `%}`
    BlockEnd,
    /// A word, also a keyword.
    Name(String),
    /// A string literal, unescaped.
    Text(String),
    /// An integer literal in decimal digits.
    Integer(String),
    /// A number with a fraction or exponent.
    Float(f64),
    /// An operator or a delimiter.
    Symbol(&'static str),
    /// Behind the last token.
    End,
}

impl Token {
    /// How messages name the token.
    pub(crate) fn describe(&self) -> String {
        match self {
            Token::Data(_) => "text".into(),
            Token::VariableBegin => "'{{'".into(),
            Token::VariableEnd => "'}}'".into(),
            Token::BlockBegin => "'{%'".into(),
            Token::BlockEnd => "'%}'".into(),
            Token::Name(name) => format!("'{name}'"),
            Token::Text(_) => "a string".into(),
            Token::Integer(digits) => format!("'{digits}'"),
            Token::Float(number) => format!("'{number}'"),
            Token::Symbol(symbol) => format!("'{symbol}'"),
            Token::End => "the end of the template".into(),
        }
    }
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spanned {
    pub token: Token,
    pub span: Span,
}

/// Operators and delimiters, longer ones first.
const SYMBOLS: [&str; 26] = [
    "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":", "|", ",", ";",
];

/// Splits a template into tokens; the last one is [`Token::End`].
pub(crate) fn tokenize<'s>(name: &'s str, source: &'s str) -> Result<Vec<Spanned>, Error> {
    let end = source.strip_suffix('\n').map_or(source, |rest| rest.strip_suffix('\r').unwrap_or(rest));
    let end = if end.len() == source.len() { source.strip_suffix('\r').unwrap_or(source) } else { end };
    let mut lexer = Lexer { name, text: end, position: 0, trim_next: false, tokens: Vec::new() };
    lexer.run()?;
    Ok(lexer.tokens)
}

/// Whether Python's `\s` matches the character.
pub(crate) fn is_space(character: char) -> bool {
    character.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&character)
}

struct Lexer<'s> {
    name: &'s str,
    text: &'s str,
    position: usize,
    /// The tag before ended in `-%}`: leading whitespace of the next text goes.
    trim_next: bool,
    tokens: Vec<Spanned>,
}

impl<'s> Lexer<'s> {
    fn rest(&self) -> &'s str {
        &self.text[self.position..]
    }

    fn push(&mut self, token: Token, start: usize) {
        self.tokens.push(Spanned { token, span: Span::new(start, self.position) });
    }

    fn fail<T>(&self, start: usize, message: impl Into<String>) -> Result<T, Error> {
        let end = self.text[start..].chars().next().map_or(start, |character| start + character.len_utf8());
        Err(Error::new(ErrorKind::Syntax, message).at(self.name, self.text, Span::new(start, end)))
    }

    fn run(&mut self) -> Result<(), Error> {
        while self.position < self.text.len() {
            let rest = self.rest();
            let mut search = 0;
            let opening = loop {
                match rest[search..].find('{') {
                    None => break None,
                    Some(found) => {
                        let at = search + found;
                        match rest.as_bytes().get(at + 1) {
                            Some(b'{' | b'%' | b'#') => break Some(at),
                            _ => search = at + 1,
                        }
                    }
                }
            };
            let Some(length) = opening else {
                self.data(self.text.len(), false);
                break;
            };
            let tag = self.position + length;
            let bytes = self.text.as_bytes();
            let control = bytes.get(tag + 2).copied();
            self.data(tag, control == Some(b'-'));
            self.position = tag + if matches!(control, Some(b'-' | b'+')) { 3 } else { 2 };
            match bytes[tag + 1] {
                b'#' => self.comment(tag)?,
                b'%' if self.raw(tag)? => {}
                kind => self.tag(tag, kind == b'%')?,
            }
        }
        let end = self.text.len();
        self.position = end;
        self.push(Token::End, end);
        Ok(())
    }

    /// Literal text from here to `end`.
    fn data(&mut self, end: usize, trim_end: bool) {
        let mut start = self.position;
        let mut piece = &self.text[start..end];
        if self.trim_next {
            let trimmed = piece.trim_start_matches(is_space);
            start += piece.len() - trimmed.len();
            piece = trimmed;
        }
        if trim_end {
            piece = piece.trim_end_matches(is_space);
        }
        self.trim_next = false;
        self.position = end;
        if !piece.is_empty() {
            let span = Span::new(start, start + piece.len());
            self.tokens.push(Spanned { token: Token::Data(unify_lines(piece)), span });
        }
    }

    fn comment(&mut self, tag: usize) -> Result<(), Error> {
        let Some(length) = self.text[tag + 2..].find("#}") else {
            return self.fail(tag, "comment is never closed: missing '#}'");
        };
        let close = tag + 2 + length;
        self.trim_next = close > tag + 2 && self.text.as_bytes()[close - 1] == b'-';
        self.position = close + 2;
        Ok(())
    }

    /// Reads `{% raw %}...{% endraw %}` if that is what stands here.
    fn raw(&mut self, tag: usize) -> Result<bool, Error> {
        let Some((start, trim_start)) = word_tag(self.text, self.position, "raw") else {
            return Ok(false);
        };
        let mut search = start;
        loop {
            let Some(found) = self.text[search..].find("{%") else {
                return self.fail(tag, "raw block is never closed: missing '{% endraw %}'");
            };
            let opening = search + found;
            let control = self.text.as_bytes().get(opening + 2).copied();
            let inside = opening + if matches!(control, Some(b'-' | b'+')) { 3 } else { 2 };
            if let Some((end, trim_next)) = word_tag(self.text, inside, "endraw") {
                self.position = start;
                self.trim_next = trim_start;
                self.data(opening, control == Some(b'-'));
                self.position = end;
                self.trim_next = trim_next;
                return Ok(true);
            }
            search = opening + 2;
        }
    }

    /// The inside of `{{ }}` or `{% %}`.
    fn tag(&mut self, tag: usize, block: bool) -> Result<(), Error> {
        let (begin, end, close) = if block {
            (Token::BlockBegin, Token::BlockEnd, "%}")
        } else {
            (Token::VariableBegin, Token::VariableEnd, "}}")
        };
        self.push(begin, tag);
        let mut open: Vec<&'static str> = Vec::new();
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches(is_space);
            self.position += rest.len() - trimmed.len();
            let start = self.position;
            if trimmed.is_empty() {
                return self.fail(tag, format!("tag is never closed: missing '{close}'"));
            }
            if open.is_empty() {
                let control = trimmed.starts_with('-') || (block && trimmed.starts_with('+'));
                let body = if control { &trimmed[1..] } else { trimmed };
                if body.starts_with(close) || trimmed.starts_with(close) {
                    let control = control && !trimmed.starts_with(close);
                    self.trim_next = control && trimmed.starts_with('-');
                    self.position += close.len() + usize::from(control);
                    self.push(end, start);
                    return Ok(());
                }
            }
            let token = self.inner(trimmed)?;
            if let Token::Symbol(symbol) = token {
                match symbol {
                    "(" => open.push(")"),
                    "[" => open.push("]"),
                    "{" => open.push("}"),
                    ")" | "]" | "}" if open.pop() != Some(symbol) => {
                        return self.fail(start, format!("unexpected '{symbol}'"));
                    }
                    _ => {}
                }
            }
            self.push(token, start);
        }
    }

    /// One token inside a tag; moves behind it.
    fn inner(&mut self, rest: &str) -> Result<Token, Error> {
        let start = self.position;
        let first = rest.chars().next().unwrap_or(' ');
        if first.is_ascii_digit() {
            return self.number(rest);
        }
        if first == '_' || first.is_alphabetic() {
            let length =
                rest.find(|character: char| character != '_' && !character.is_alphanumeric()).unwrap_or(rest.len());
            self.position += length;
            return Ok(Token::Name(rest[..length].to_string()));
        }
        if first == '\'' || first == '"' {
            return self.string(rest, first);
        }
        match SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            Some(symbol) => {
                self.position += symbol.len();
                Ok(Token::Symbol(symbol))
            }
            None => self.fail(start, format!("unexpected character '{first}'")),
        }
    }

    fn number(&mut self, rest: &str) -> Result<Token, Error> {
        let start = self.position;
        let bytes = rest.as_bytes();
        let radix = match bytes.get(1).map(u8::to_ascii_lowercase) {
            Some(b'x') => 16,
            Some(b'o') => 8,
            Some(b'b') => 2,
            _ => 10,
        };
        if bytes[0] == b'0' && radix != 10 {
            let length = rest[2..].find(|c: char| !c.is_digit(radix) && c != '_').map_or(rest.len(), |n| n + 2);
            let digits = rest[2..length].replace('_', "");
            self.position += length;
            return match i128::from_str_radix(&digits, radix) {
                Ok(number) => Ok(Token::Integer(number.to_string())),
                Err(_) => self.fail(start, "invalid number"),
            };
        }
        let mut length = digits(bytes, 0);
        let after_dot = start > 0 && self.text.as_bytes()[start - 1] == b'.';
        let mut float = false;
        if !after_dot {
            if bytes.get(length) == Some(&b'.') && bytes.get(length + 1).is_some_and(u8::is_ascii_digit) {
                length = digits(bytes, length + 1);
                float = true;
            }
            if matches!(bytes.get(length), Some(b'e' | b'E')) {
                let sign = usize::from(matches!(bytes.get(length + 1), Some(b'+' | b'-')));
                if bytes.get(length + 1 + sign).is_some_and(u8::is_ascii_digit) {
                    length = digits(bytes, length + 1 + sign);
                    float = true;
                }
            }
        }
        self.position += length;
        let text = rest[..length].replace('_', "");
        if float {
            return match text.parse() {
                Ok(number) => Ok(Token::Float(number)),
                Err(_) => self.fail(start, "invalid number"),
            };
        }
        let plain = text.trim_start_matches('0');
        if plain.len() < text.len() && !plain.is_empty() {
            return self.fail(start, "a number cannot start with zero");
        }
        Ok(Token::Integer(if plain.is_empty() { "0".into() } else { text }))
    }

    fn string(&mut self, rest: &str, quote: char) -> Result<Token, Error> {
        let start = self.position;
        let mut escaped = false;
        for (offset, character) in rest.char_indices().skip(1) {
            if escaped {
                escaped = false;
            } else if character == '\\' {
                escaped = true;
            } else if character == quote {
                self.position += offset + 1;
                let inner = unify_lines(&rest[1..offset]);
                return match unescape(&inner) {
                    Ok(text) => Ok(Token::Text(text)),
                    Err(message) => self.fail(start, message),
                };
            }
        }
        self.fail(start, "string is never closed")
    }
}

/// End of a run of digits with single underscores between them.
fn digits(bytes: &[u8], from: usize) -> usize {
    let mut end = from;
    while end < bytes.len() {
        let underscore = bytes[end] == b'_' && end > from && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !bytes[end].is_ascii_digit() && !underscore {
            break;
        }
        end += 1;
    }
    end
}

/// The offset behind `{% endraw %}`, from within `{% raw %}`.
pub(crate) fn raw_end(text: &str, position: usize) -> Option<usize> {
    let (mut search, _) = word_tag(text, position, "raw")?;
    loop {
        let inside = search + text.get(search..)?.find("{%")? + 2;
        let rest = text.get(inside..)?;
        let word = inside + usize::from(rest.starts_with(['-', '+']));
        match word_tag(text, word, "endraw") {
            Some((end, _)) => return Some(end),
            None => search = inside,
        }
    }
}

/// Matches `word %}` at `position`: the offset behind it and whether it trims what follows.
fn word_tag(text: &str, position: usize, word: &str) -> Option<(usize, bool)> {
    let rest = text[position..].trim_start_matches(is_space).strip_prefix(word)?.trim_start_matches(is_space);
    let (rest, trim) = match rest.as_bytes().first()? {
        b'-' => (&rest[1..], true),
        b'+' => (&rest[1..], false),
        _ => (rest, false),
    };
    let rest = rest.strip_prefix("%}")?;
    Some((text.len() - rest.len(), trim))
}

fn unify_lines(text: &str) -> String {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text.to_string() }
}

/// Python's escapes in string literals.
pub(crate) fn unescape(text: &str) -> Result<String, String> {
    if !text.contains('\\') {
        return Ok(text.to_string());
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        if character != '\\' {
            result.push(character);
            continue;
        }
        match rest.next() {
            None => result.push('\\'),
            Some('\n') => {}
            Some('n') => result.push('\n'),
            Some('t') => result.push('\t'),
            Some('r') => result.push('\r'),
            Some('a') => result.push('\u{7}'),
            Some('b') => result.push('\u{8}'),
            Some('f') => result.push('\u{c}'),
            Some('v') => result.push('\u{b}'),
            Some(same @ ('\\' | '\'' | '"')) => result.push(same),
            Some(kind @ ('x' | 'u' | 'U')) => {
                let count = match kind {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                let code: String = rest.by_ref().take(count).collect();
                let decoded = u32::from_str_radix(&code, 16).ok().filter(|_| code.chars().count() == count);
                match decoded.and_then(char::from_u32) {
                    Some(decoded) => result.push(decoded),
                    None => return Err(format!("invalid escape '\\{kind}{code}'")),
                }
            }
            Some(octal @ '0'..='7') => {
                let mut code = octal.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    match rest.peek().and_then(|next| next.to_digit(8)) {
                        Some(digit) => {
                            code = code * 8 + digit;
                            rest.next();
                        }
                        None => break,
                    }
                }
                result.push(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            Some(other) => {
                result.push('\\');
                result.push(other);
            }
        }
    }
    Ok(result)
}
