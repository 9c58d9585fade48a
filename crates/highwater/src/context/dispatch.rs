//! `adapter.dispatch`: the most special macro of a name, from the packages that may have one.

use highwater_jinja::{Error, Value};

use super::fault::Fault;
use super::library::Macros;
use super::scene::Frame;

/// The package of Highwater's own macros.
const OWN: &str = "dbt";

/// Finds `duckdb__name` or `default__name`, package by package.
///
/// Without a namespace, or with one that is no package, the node's package, the project and the calling macro's own count as one: a macro for the
/// engine in any of them comes before the default of any. With a namespace it is the order that `dispatch:` of dbt_project.yml gives it, or
/// else the project and then the namespace. Highwater's own macros come last.
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
    let macros = &frame.scene.macros;
    let own = [frame.scene.subject.package.as_str(), frame.scene.project.name.as_str(), &frame.package];
    let steps = search_order(macros, &own, namespace);
    if let Some(entry) = macros.dispatched(&steps, name) {
        return Ok(frame.callable(entry));
    }
    let tried = steps.iter().flat_map(|packages| {
        let prefixes = [frame.scene.project.target.adapter.as_str(), "default"];
        prefixes
            .into_iter()
            .flat_map(move |prefix| packages.iter().map(move |package| format!("{package}.{prefix}__{name}")))
    });
    let tried: Vec<String> = tried.collect();
    let within = namespace.map(|namespace| format!(" within namespace: '{namespace}'")).unwrap_or_default();
    Err(Fault::new("HW0310", format!("in dispatch: no macro named '{name}' found{within}"))
        .help(format!("write one of {}", tried.join(", ")))
        .into())
}

/// Packages that count as one, and those that come after them; `own` are those of a node and a macro that name none.
pub(super) fn search_order(macros: &Macros, own: &[&str], namespace: Option<&str>) -> Vec<Vec<String>> {
    let project = macros.project();
    let one_by_one = |order: &[String]| order.iter().map(|package| vec![package.clone()]).collect();
    let rule = namespace.and_then(|namespace| project.dispatch.iter().find(|rule| rule.macro_namespace == namespace));
    let package = namespace.filter(|namespace| macros.has_package(namespace));
    let mut order: Vec<Vec<String>> = match (rule, package) {
        (Some(rule), _) => one_by_one(&rule.search_order),
        (None, Some(package)) => one_by_one(&[project.name.clone(), package.to_owned()]),
        (None, None) => {
            let all = own.iter().chain([&OWN]).map(|package| (*package).to_owned());
            return vec![distinct(all.collect())];
        }
    };
    order.push(vec![OWN.to_owned()]);
    distinct(order)
}

fn distinct<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    let mut kept: Vec<T> = Vec::new();
    for item in items {
        if !kept.contains(&item) {
            kept.push(item);
        }
    }
    kept
}
