//! One criterion: `@`, `2+`, a method, a value, `+3`.

use super::Indirect;
use crate::diagnostics::Diagnostic;
use crate::project::suggest;

/// The methods, in the order of the documentation.
const METHODS: &[&str] = &[
    "fqn",
    "tag",
    "group",
    "access",
    "source",
    "path",
    "file",
    "package",
    "config",
    "resource_type",
    "test_name",
    "test_type",
    "exposure",
    "metric",
    "version",
    "unit_test",
    "state",
    "result",
    "source_status",
    "semantic_model",
    "saved_query",
];

/// One criterion, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Criterion {
    /// As written.
    pub raw: String,
    /// `tag`; the default depends on the value.
    pub method: String,
    /// What follows the method after dots: `materialized` of `config.materialized`.
    pub arguments: Vec<String>,
    /// What is looked for.
    pub value: String,
    /// `@`: descendants, and all their ancestors.
    pub with_ancestors_of_descendants: bool,
    /// `+` in front: ancestors, at most so many steps away.
    pub parents: Option<Option<usize>>,
    /// `+` behind: descendants, at most so many steps away.
    pub children: Option<Option<usize>>,
    /// Which tests come along.
    pub indirect: Indirect,
}

impl Criterion {
    /// Takes a criterion apart.
    ///
    /// # Errors
    /// `HW0230` for an unknown method, `HW0231` for something malformed.
    pub fn parse(raw: &str, indirect: Indirect) -> Result<Self, Diagnostic> {
        let malformed = |what: &str| {
            Diagnostic::error("HW0231", format!("`{raw}` cannot be selected: {what}"))
                .help("a criterion is a name or method:value, with + for parents in front or for children behind: 2+tag:nightly+")
        };
        let (rest, at) = raw.strip_prefix('@').map_or((raw, false), |rest| (rest, true));
        let (rest, parents) = leading_plus(rest).ok_or_else(|| malformed("the number before + is too large"))?;
        let (rest, children) = trailing_plus(rest).ok_or_else(|| malformed("the number behind + is too large"))?;
        if at && children.is_some() {
            return Err(malformed("@ takes the children along already"));
        }
        let (method, value) = match rest.split_once(':') {
            Some((method, value)) if is_method(method) => (Some(method), value),
            _ => (None, rest),
        };
        if value.is_empty() {
            return Err(malformed("it says no name"));
        }
        let (method, arguments) = match method {
            Some(method) => {
                let mut parts = method.split('.').map(str::to_owned);
                (parts.next().unwrap_or_default(), parts.collect())
            }
            None => (default_method(value).to_owned(), Vec::new()),
        };
        let criterion = Self {
            raw: raw.to_owned(),
            method,
            arguments,
            value: value.to_owned(),
            with_ancestors_of_descendants: at,
            parents,
            children,
            indirect,
        };
        criterion.check()?;
        Ok(criterion)
    }

    fn check(&self) -> Result<(), Diagnostic> {
        match self.method.as_str() {
            "config" if self.arguments.is_empty() => {
                Err(Diagnostic::error("HW0231", format!("`{}` does not say which configuration", self.raw))
                    .help("write config.materialized:table"))
            }
            method if METHODS.contains(&method) => Ok(()),
            method => {
                let error = Diagnostic::error("HW0230", format!("`{}`: there is no method `{method}:`", self.raw));
                Err(match suggest::nearest(method, METHODS.iter().copied()) {
                    Some(near) => error.help(format!("did you mean `{near}:`?")),
                    None => error.help(format!("the methods are {}", METHODS.join(", "))),
                })
            }
        }
    }
}

fn is_method(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.')
}

/// A path has slashes, a file an extension; everything else is a name.
fn default_method(value: &str) -> &'static str {
    let lower = value.to_lowercase();
    if value.contains('/') {
        "path"
    } else if [".sql", ".py", ".csv"].iter().any(|extension| lower.ends_with(extension)) {
        "file"
    } else {
        "fqn"
    }
}

/// Takes `2+` off the front; `None` for a number that is none.
fn leading_plus(text: &str) -> Option<(&str, Option<Option<usize>>)> {
    let Some((depth, rest)) = text.split_once('+') else { return Some((text, None)) };
    if !depth.chars().all(|letter| letter.is_ascii_digit()) || rest.is_empty() {
        return Some((text, None));
    }
    Some((rest, Some(number(depth)?)))
}

/// Takes `+2` off the end.
fn trailing_plus(text: &str) -> Option<(&str, Option<Option<usize>>)> {
    let Some((rest, depth)) = text.rsplit_once('+') else { return Some((text, None)) };
    if !depth.chars().all(|letter| letter.is_ascii_digit()) || rest.is_empty() {
        return Some((text, None));
    }
    Some((rest, Some(number(depth)?)))
}

fn number(digits: &str) -> Option<Option<usize>> {
    if digits.is_empty() { Some(None) } else { digits.parse().ok().map(Some) }
}
