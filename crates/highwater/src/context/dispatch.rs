//! `adapter.dispatch`: the most special macro of a name, from the packages that may have one.

use highwater_jinja::{Error, Value};

use super::fault::Fault;
use super::scene::Frame;

/// Finds `duckdb__name` or `default__name`, package by package.
///
/// Without a namespace the node's package is asked first, then the project and the calling macro's own; with one, the order that `dispatch:` of
/// dbt_project.yml gives it, or else the project and then the namespace. Highwater's own macros come last.
///
/// # Errors
/// No package has such a macro.
pub(crate) fn dispatch(frame: &Frame, name: &str, namespace: Option<&str>) -> Result<Value, Error> {
    if let Some((package, bare)) = name.split_once('.') {
        return Err(Fault::new(
            "HW0310",
            format!("adapter.dispatch takes the name of a macro without its package, not '{name}'"),
        )
        .help(format!("write adapter.dispatch('{bare}', '{package}')"))
        .into());
    }
    let packages = search_order(frame, namespace);
    let prefixes = [frame.scene.project.target.adapter.as_str(), "default"];
    let mut tried = Vec::new();
    for package in &packages {
        for prefix in prefixes {
            let candidate = format!("{prefix}__{name}");
            if let Some(entry) = frame.scene.macros.find(package, &candidate) {
                return Ok(frame.callable(entry));
            }
            tried.push(format!("{package}.{candidate}"));
        }
    }
    let within = namespace.map(|namespace| format!(" within namespace: '{namespace}'")).unwrap_or_default();
    Err(Fault::new("HW0310", format!("in dispatch: no macro named '{name}' found{within}"))
        .help(format!("write one of {}", tried.join(", ")))
        .into())
}

fn search_order(frame: &Frame, namespace: Option<&str>) -> Vec<String> {
    let project = &frame.scene.project;
    let mut order: Vec<String> = match namespace {
        None => vec![frame.scene.subject.package.clone(), project.name.clone(), frame.package.to_string()],
        Some(namespace) => match project.dispatch.iter().find(|rule| rule.macro_namespace == namespace) {
            Some(rule) => rule.search_order.clone(),
            None => vec![project.name.clone(), namespace.to_owned()],
        },
    };
    order.push("dbt".to_owned());
    let mut seen = Vec::new();
    order.retain(|package| {
        !seen.contains(package) && {
            seen.push(package.clone());
            true
        }
    });
    order
}
