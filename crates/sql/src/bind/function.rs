//! Functions: what calling one means for a rebuild, and what has to be said of it.

use sqlparser::ast::{Function, FunctionArg, FunctionArgExpr, FunctionArguments, Spanned};

use super::Binder;
use crate::dialect::type_of;
use crate::{Catalog, Finding, FunctionKind, Place};

/// Aggregates that depend on the order in which rows come, and take none.
const APPROXIMATE: &[&str] = &["approx_quantile", "approx_top_k", "reservoir_quantile"];

impl Binder<'_> {
    pub(super) fn call(&mut self, function: &Function) -> Result<FunctionKind, Finding> {
        let name = function_name(function);
        let kind = kind_of(function, self.catalog);
        if kind == Some(FunctionKind::Rows) || self.dialect().reading().makes_rows(&name) {
            return Err(self.finding(
                "unnest",
                &format!("{name}() in the select list makes several rows of one; any change rebuilds the whole table"),
                "write it as a join: from ..., unnest(...)",
                function,
            ));
        }
        let Some(finding) = call(kind, &name, self.place(function.span())) else {
            return Ok(kind.unwrap_or(FunctionKind::Scalar));
        };
        match kind {
            Some(FunctionKind::Volatile) => self.findings.refusals.push(finding),
            Some(FunctionKind::Clock) => {
                self.findings.clocks.push((function.name.span(), finding.place.clone()));
                self.findings.unstable.push(finding);
            }
            _ => {
                self.findings.unstable.push(finding.clone());
                return Err(finding);
            }
        }
        Ok(FunctionKind::Scalar)
    }
}

/// Aggregates whose last digits depend on the order in which fractions are added.
const SUMS: &[&str] = &["sum", "avg", "mean", "fsum", "kahan_sum", "sumkahan", "favg"];

impl Binder<'_> {
    /// Notes that binary fractions are added up; the arguments are bound.
    pub(super) fn note_sum(&mut self, function: &Function) {
        let name = function_name(function);
        let FunctionArguments::List(list) = &function.args else { return };
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(summed))] = list.args.as_slice() else { return };
        let dialect = self.dialect();
        let fraction = type_of(summed, &self.columns).is_some_and(|data_type| dialect.is_fraction(&data_type));
        // Said once: a model that adds up one column of them adds up many.
        if !fraction || !SUMS.contains(&name.as_str()) || !self.findings.notes.is_empty() {
            return;
        }
        let note = self.finding(
            "float-sum",
            &format!(
                "{name}() adds up binary fractions: its last digits depend on the order of the rows, so that partitions built at different times may \
                 differ from a rebuild there; hw verify takes them for equal within a billionth"
            ),
            &format!("for digits that never differ, add up decimals: {name}(cast(... as decimal(18, 4)))"),
            &function.name,
        );
        self.findings.notes.push(note);
    }
}

/// What a function is. The age of one moment is counted from today; that of two is not.
pub(crate) fn kind_of(function: &Function, catalog: &dyn Catalog) -> Option<FunctionKind> {
    let name = function_name(function);
    let alone = matches!(&function.args, FunctionArguments::List(list) if list.args.len() == 1);
    match catalog.function(&name) {
        Some(FunctionKind::Scalar) if name == "age" && alone => Some(FunctionKind::Clock),
        Some(FunctionKind::Aggregate) if APPROXIMATE.contains(&name.as_str()) => Some(FunctionKind::Volatile),
        kind => kind,
    }
}

/// What has to be said about calling a function: a refusal if it is volatile, else a reason to rebuild in every run.
pub(crate) fn call(kind: Option<FunctionKind>, name: &str, place: Option<Place>) -> Option<Finding> {
    let (rule, message, help) = match kind {
        Some(FunctionKind::Scalar | FunctionKind::Aggregate | FunctionKind::Rows) => return None,
        Some(FunctionKind::Volatile) if APPROXIMATE.contains(&name) => (
            "approximate",
            format!(
                "{name}() depends on the order in which rows come, which no table keeps, so no two rebuilds need agree"
            ),
            "use the exact function: quantile_cont(), quantile_disc(), or a count by value",
        ),
        Some(FunctionKind::Volatile) => (
            "volatile",
            format!("{name}() answers anew at every call, so no two rebuilds need agree"),
            "derive the value from the row, as in md5(key); or keep such a column out of an exact model",
        ),
        Some(FunctionKind::Clock) => (
            "clock",
            format!(
                "{name}() reads the clock or the session, so the result changes without any input changing; \
                 the model is rebuilt whole in every run"
            ),
            "compute what depends on the present in a view on top of this model",
        ),
        Some(FunctionKind::Macro) | None => (
            "unknown-function",
            format!(
                "{name}() is a macro of the database or unknown, and what it reads cannot be seen; \
                 the model is rebuilt whole in every run"
            ),
            "write the expression out, or as a macro of the project",
        ),
    };
    Some(Finding { rule, message, help: help.to_owned(), place })
}

/// `unnest(list)` and nothing more.
pub(super) fn is_unnest(function: &Function) -> bool {
    let single = matches!(&function.args, FunctionArguments::List(list) if list.args.len() == 1);
    function_name(function) == "unnest" && single && function.over.is_none() && function.filter.is_none()
}

/// The last part of a function's name, in lower case.
pub(crate) fn function_name(function: &Function) -> String {
    function.name.0.last().map(|part| part.to_string().trim_matches('"').to_ascii_lowercase()).unwrap_or_default()
}
