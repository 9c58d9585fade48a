//! Python's string formatting: `'%s' % x`, the filter `format` and `'{}'.format(x)`.

use minijinja::value::ValueKind;

use crate::value::{self, Number, as_integer, text, type_name};
use crate::{Arguments, Error, ErrorKind, Value};

/// How wide or precise a field may be.
const WIDTH_LIMIT: usize = 100_000;

/// One field of a format: `{:>10,.2f}` or `%-5.1f`.
#[derive(Debug, Clone, Copy)]
struct Field {
    fill: char,
    align: Option<char>,
    sign: Option<char>,
    alternate: bool,
    width: usize,
    grouping: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

impl Default for Field {
    fn default() -> Field {
        Field {
            fill: ' ',
            align: None,
            sign: None,
            alternate: false,
            width: 0,
            grouping: None,
            precision: None,
            kind: None,
        }
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Value, message)
}

/// Reads digits as a width.
fn read_number(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Option<usize>, Error> {
    let mut number = None;
    while let Some(digit) = characters.peek().and_then(|character| character.to_digit(10)) {
        let next = number.unwrap_or(0) * 10 + digit as usize;
        if next > WIDTH_LIMIT {
            return Err(invalid("format field is too wide"));
        }
        number = Some(next);
        characters.next();
    }
    Ok(number)
}

/// `pattern % arguments`
pub(crate) fn percent(pattern: &str, arguments: &Value) -> Result<String, Error> {
    let positional = if arguments.is_tuple() { value::iterate(arguments)? } else { vec![arguments.clone()] };
    let mut next = positional.iter();
    let mapping = (arguments.kind() == ValueKind::Map).then_some(arguments);
    let mut result = String::with_capacity(pattern.len());
    let mut characters = pattern.chars().peekable();
    let mut by_name = false;
    while let Some(character) = characters.next() {
        if character != '%' {
            result.push(character);
            continue;
        }
        let mut named = None;
        if characters.peek() == Some(&'(') {
            characters.next();
            let name: String = characters.by_ref().take_while(|character| *character != ')').collect();
            let mapping = mapping.ok_or_else(|| Error::new(ErrorKind::Type, "format requires a mapping"))?;
            let key = Value::from(name.as_str());
            if !value::compare::contains(mapping, &key)? {
                return Err(invalid(format!("key {} not found", text::quoted(&name))));
            }
            named = Some(value::item(mapping, &key));
            by_name = true;
        }
        let mut field = Field::default();
        let mut zero = false;
        while let Some(flag) = characters.peek().copied().filter(|flag| "-+ #0".contains(*flag)) {
            match flag {
                '-' => field.align = Some('<'),
                '#' => field.alternate = true,
                '0' => zero = true,
                sign => field.sign = Some(sign),
            }
            characters.next();
        }
        let mut take =
            || next.next().ok_or_else(|| Error::new(ErrorKind::Type, "not enough arguments for format string"));
        if characters.peek() == Some(&'*') {
            characters.next();
            field.width =
                as_integer(take()?).and_then(|width| usize::try_from(width).ok()).unwrap_or(0).min(WIDTH_LIMIT);
        } else {
            field.width = read_number(&mut characters)?.unwrap_or(0);
        }
        if characters.peek() == Some(&'.') {
            characters.next();
            field.precision = Some(read_number(&mut characters)?.unwrap_or(0));
        }
        while matches!(characters.peek(), Some('h' | 'l' | 'L')) {
            characters.next();
        }
        let Some(kind) = characters.next() else {
            return Err(invalid("incomplete format"));
        };
        if kind == '%' {
            result.push('%');
            continue;
        }
        let argument = match named {
            Some(argument) => argument,
            None => take()?.clone(),
        };
        result.push_str(&percent_field(kind, &argument, field, zero)?);
    }
    if next.next().is_some() && mapping.is_none() && !by_name {
        return Err(Error::new(ErrorKind::Type, "not all arguments converted during string formatting"));
    }
    Ok(result)
}

fn percent_field(kind: char, argument: &Value, mut field: Field, zero: bool) -> Result<String, Error> {
    let number = || {
        Number::of(argument).ok_or_else(|| {
            let message = format!("%{kind} format: a real number is required, not {}", type_name(argument));
            Error::new(ErrorKind::Type, message)
        })
    };
    if zero && field.align.is_none() && !"srac".contains(kind) {
        field.fill = '0';
        field.align = Some('=');
    }
    let align_right = |field: Field| Field { align: field.align.or(Some('>')), ..field };
    match kind {
        's' | 'r' | 'a' => {
            let shown = if kind == 's' { text::text(argument) } else { text::repr(argument) };
            let cut = field.precision.map_or(shown.clone(), |length| shown.chars().take(length).collect());
            Ok(pad(&cut, '\0', align_right(field)))
        }
        'c' => match (argument.as_str(), as_integer(argument)) {
            (Some(one), _) if one.chars().count() == 1 => Ok(pad(one, '\0', align_right(field))),
            (_, Some(code)) => {
                let character = u32::try_from(code).ok().and_then(char::from_u32);
                let character = character.ok_or_else(|| invalid("%c arg not in range"))?;
                Ok(pad(&character.to_string(), '\0', align_right(field)))
            }
            _ => Err(Error::new(ErrorKind::Type, "%c requires an integer or a single character")),
        },
        'd' | 'i' | 'u' => {
            let whole = match number()? {
                Number::Integer(number) => number,
                Number::Float(number) => number.trunc() as i128,
            };
            let digits = format!("{:0>width$}", whole.unsigned_abs(), width = field.precision.unwrap_or(0));
            Ok(signed(&digits, whole < 0, align_right(field)))
        }
        'x' | 'X' | 'o' => match number()? {
            Number::Integer(_) => format_field(argument, Field { kind: Some(kind), ..align_right(field) }),
            Number::Float(_) => Err(Error::new(ErrorKind::Type, format!("%{kind} format: an integer is required"))),
        },
        'f' | 'F' | 'e' | 'E' | 'g' | 'G' => {
            let float = Value::from(number()?.float());
            format_field(&float, Field { kind: Some(kind), ..align_right(field) })
        }
        other => Err(invalid(format!("unsupported format character '{other}'"))),
    }
}

/// `pattern.format(...)`
pub(crate) fn braces(pattern: &str, arguments: &Arguments) -> Result<String, Error> {
    braces_within(pattern, arguments, &mut 0, 0)
}

fn braces_within(pattern: &str, arguments: &Arguments, automatic: &mut usize, depth: usize) -> Result<String, Error> {
    if depth > 2 {
        return Err(invalid("max string recursion exceeded"));
    }
    let mut result = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(at) = rest.find(['{', '}']) {
        result.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(behind) = rest.strip_prefix(brace) {
            result.push_str(brace);
            rest = behind;
            continue;
        }
        if brace == "}" {
            return Err(invalid("single '}' encountered in format string"));
        }
        let close = closing_brace(rest).ok_or_else(|| invalid("expected '}' before end of string"))?;
        let inside = &rest[..close];
        rest = &rest[close + 1..];
        let (target, specification) = inside.split_once(':').unwrap_or((inside, ""));
        let (target, conversion) = target.split_once('!').map_or((target, None), |(name, kind)| (name, Some(kind)));
        let mut argument = resolve(target, arguments, automatic)?;
        match conversion {
            None => {}
            Some("s") => argument = Value::from(text::text(&argument)),
            Some("r" | "a") => argument = Value::from(text::repr(&argument)),
            Some(other) => return Err(invalid(format!("unknown conversion specifier '{other}'"))),
        }
        let specification = braces_within(specification, arguments, automatic, depth + 1)?;
        result.push_str(&format_value(&argument, &specification)?);
    }
    result.push_str(rest);
    Ok(result)
}

fn closing_brace(rest: &str) -> Option<usize> {
    let mut open = 0;
    for (index, byte) in rest.bytes().enumerate() {
        match byte {
            b'{' => open += 1,
            b'}' if open == 0 => return Some(index),
            b'}' => open -= 1,
            _ => {}
        }
    }
    None
}

/// The argument of `{}`, `{0}`, `{name}`, `{name.attribute[key]}`.
fn resolve(target: &str, arguments: &Arguments, automatic: &mut usize) -> Result<Value, Error> {
    let end = target.find(['.', '[']).unwrap_or(target.len());
    let (first, mut path) = target.split_at(end);
    let missing = |index: usize| invalid(format!("replacement index {index} out of range for positional arguments"));
    let mut current = if first.is_empty() {
        *automatic += 1;
        arguments.positional.get(*automatic - 1).cloned().ok_or_else(|| missing(*automatic - 1))?
    } else if let Ok(index) = first.parse::<usize>() {
        arguments.positional.get(index).cloned().ok_or_else(|| missing(index))?
    } else {
        arguments
            .keyword
            .get(first)
            .cloned()
            .ok_or_else(|| invalid(format!("key {} not found", text::quoted(first))))?
    };
    while !path.is_empty() {
        if let Some(rest) = path.strip_prefix('[') {
            let close = rest.find(']').ok_or_else(|| invalid("missing ']' in format string"))?;
            let key = &rest[..close];
            let key = key.parse::<i64>().map_or_else(|_| Value::from(key), Value::from);
            current = value::item(&current, &key);
            path = &rest[close + 1..];
        } else {
            let rest = path.strip_prefix('.').ok_or_else(|| invalid("only '.' or '[' may follow ']'"))?;
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            current = crate::eval::attribute(&current, &rest[..end]);
            path = &rest[end..];
        }
        if current.is_undefined() {
            return Err(invalid(format!("'{target}' is undefined")));
        }
    }
    Ok(current)
}

/// `format(value, specification)`
pub(crate) fn format_value(argument: &Value, specification: &str) -> Result<String, Error> {
    if specification.is_empty() {
        return Ok(text::text(argument));
    }
    if let Some(formatted) = crate::modules::format(argument, specification) {
        return formatted;
    }
    let all: Vec<char> = specification.chars().collect();
    let mut field = Field::default();
    let mut skip = 0;
    if all.len() > 1 && "<>^=".contains(all[1]) {
        (field.fill, field.align, skip) = (all[0], Some(all[1]), 2);
    } else if "<>^=".contains(all[0]) {
        (field.align, skip) = (Some(all[0]), 1);
    }
    let remaining: String = all[skip..].iter().collect();
    let mut characters = remaining.chars().peekable();
    if let Some(sign) = characters.peek().copied().filter(|sign| "+- ".contains(*sign)) {
        field.sign = Some(sign);
        characters.next();
    }
    if characters.peek() == Some(&'#') {
        field.alternate = true;
        characters.next();
    }
    if characters.peek() == Some(&'0') && field.align.is_none() {
        (field.fill, field.align) = ('0', Some('='));
    }
    field.width = read_number(&mut characters)?.unwrap_or(0);
    if let Some(grouping) = characters.peek().copied().filter(|character| ",_".contains(*character)) {
        field.grouping = Some(grouping);
        characters.next();
    }
    if characters.peek() == Some(&'.') {
        characters.next();
        field.precision =
            Some(read_number(&mut characters)?.ok_or_else(|| invalid("format specifier missing precision"))?);
    }
    field.kind = characters.next();
    if characters.next().is_some() {
        return Err(invalid(format!("invalid format specifier '{specification}'")));
    }
    format_field(argument, field)
}

fn format_field(argument: &Value, field: Field) -> Result<String, Error> {
    let unknown = || {
        let kind = field.kind.unwrap_or('s');
        invalid(format!("unknown format code '{kind}' for object of type '{}'", type_name(argument)))
    };
    if argument.kind() == ValueKind::Bool && field.kind.is_none() {
        return Ok(pad(&text::text(argument), '\0', Field { align: field.align.or(Some('>')), ..field }));
    }
    let Some(number) = Number::of(argument) else {
        if argument.as_str().is_none() || !matches!(field.kind, None | Some('s')) {
            return Err(unknown());
        }
        let shown = argument.as_str().unwrap_or_default();
        let cut: String = field.precision.map_or(shown.into(), |length| shown.chars().take(length).collect());
        return Ok(pad(&cut, '\0', field));
    };
    let field = Field { align: field.align.or(Some('>')), ..field };
    let kind = match (field.kind, number) {
        (Some(kind), _) => kind,
        (None, Number::Integer(_)) => 'd',
        (None, Number::Float(_)) if field.precision.is_some() => 'g',
        (None, Number::Float(float)) => {
            return Ok(signed(&group(&text::float(float.abs()), field.grouping), float.is_sign_negative(), field));
        }
    };
    if let (Number::Integer(whole), 'd' | 'n' | 'x' | 'X' | 'o' | 'b' | 'c') = (number, kind) {
        let size = whole.unsigned_abs();
        let (digits, prefix) = match kind {
            'x' => (format!("{size:x}"), "0x"),
            'X' => (format!("{size:X}"), "0X"),
            'o' => (format!("{size:o}"), "0o"),
            'b' => (format!("{size:b}"), "0b"),
            'c' => {
                let character = u32::try_from(size).ok().and_then(char::from_u32).ok_or_else(unknown)?;
                return Ok(pad(&character.to_string(), '\0', Field { align: Some('<'), ..field }));
            }
            _ => (size.to_string(), ""),
        };
        let digits = group(&digits, field.grouping);
        let digits = if field.alternate { format!("{prefix}{digits}") } else { digits };
        return Ok(signed(&digits, whole < 0, field));
    }
    let float = number.float();
    let size = float.abs();
    let precision = field.precision.unwrap_or(6);
    let digits = match kind {
        _ if !float.is_finite() => text::float(size),
        'f' | 'F' => format!("{size:.precision$}"),
        'e' | 'E' => exponent(size, precision),
        'g' | 'G' | 'n' => general(size, precision, field.alternate),
        '%' => format!("{:.precision$}%", size * 100.0),
        _ => return Err(unknown()),
    };
    let digits = if kind.is_ascii_uppercase() { digits.to_uppercase() } else { digits };
    Ok(signed(&group(&digits, field.grouping), float.is_sign_negative() && !float.is_nan(), field))
}

/// `1.5e+02`
fn exponent(number: f64, precision: usize) -> String {
    let scientific = format!("{number:.precision$e}");
    let (mantissa, power) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    let sign = if power < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", power.abs())
}

/// The shorter of fixed and exponent notation with this many significant digits.
fn general(number: f64, precision: usize, keep_zeros: bool) -> String {
    let precision = precision.max(1);
    let scientific = exponent(number, precision - 1);
    let power: i32 = scientific.split_once('e').and_then(|(_, power)| power.parse().ok()).unwrap_or(0);
    let fixed = power >= -4 && power < i32::try_from(precision).unwrap_or(i32::MAX);
    let strip = |digits: &str| {
        if keep_zeros || !digits.contains('.') {
            return digits.to_string();
        }
        digits.trim_end_matches('0').trim_end_matches('.').to_string()
    };
    if fixed {
        let decimals = usize::try_from(i64::try_from(precision).unwrap_or(0) - 1 - i64::from(power)).unwrap_or(0);
        return strip(&format!("{number:.decimals$}"));
    }
    match scientific.split_once('e') {
        Some((mantissa, power)) => format!("{}e{power}", strip(mantissa)),
        None => scientific,
    }
}

/// Separators between groups of three digits before the point.
fn group(digits: &str, separator: Option<char>) -> String {
    let Some(separator) = separator else {
        return digits.to_string();
    };
    let end = digits.find(|character: char| !character.is_ascii_digit()).unwrap_or(digits.len());
    let (whole, rest) = digits.split_at(end);
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            grouped.push(separator);
        }
        grouped.push(digit);
    }
    grouped + rest
}

fn signed(digits: &str, negative: bool, field: Field) -> String {
    let sign = match (negative, field.sign) {
        (true, _) => '-',
        (false, Some(sign @ ('+' | ' '))) => sign,
        _ => '\0',
    };
    pad(digits, sign, field)
}

/// Fills up to the width; `=` fills between sign and digits.
fn pad(body: &str, sign: char, field: Field) -> String {
    let sign = if sign == '\0' { String::new() } else { sign.to_string() };
    let missing = field.width.saturating_sub(body.chars().count() + sign.len());
    let fill = |count: usize| field.fill.to_string().repeat(count);
    match field.align.unwrap_or('<') {
        '>' => format!("{}{sign}{body}", fill(missing)),
        '=' => format!("{sign}{}{body}", fill(missing)),
        '^' => format!("{}{sign}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
        _ => format!("{sign}{body}{}", fill(missing)),
    }
}
