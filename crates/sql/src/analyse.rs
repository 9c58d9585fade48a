//! From a question to its answer: expand, bind, walk.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::ast::Query;
use sqlparser::tokenizer::Span;

use crate::bind::{Findings, bind, unknown_table};
use crate::canonical::{canonical, canonical_text};
use crate::footprint::clock::{Clocks, clocks};
use crate::footprint::{Computed, Mutant, Partial, Reaches, Shape, Source, Target, Walk};
use crate::footprint::{live, moment};
use crate::sweep::{sweep, sweep_words};
use crate::text::{Expanded, expand, parse, tables};
use crate::tree::{Id, Scan, Tree, column, column_name};
use crate::{
    Analysis, Catalog, ColumnType, Effect, Finding, Group, Occurrence, Partitioning, Piece, Place, Probe, Reach,
    Request, Rows, Slice, TableInfo, Term,
};

/// Finds out what a query's slices read and what its changes reach.
///
/// Never fails: what cannot be read or followed is said in the answer, and counts as everything.
pub fn analyse(request: &Request<'_>) -> Analysis {
    analyse_with(request, None)
}

/// The query with every view of the project replaced by its text; none when it cannot be read.
///
/// A rebuild that runs this text depends on the project's views as they are written now, not on what the database still holds.
pub fn look_through(sql: &str, catalog: &dyn Catalog) -> Option<String> {
    expand(sql, catalog).ok().map(|text| text.sql)
}

/// The same with one rule got wrong on purpose, for tests that must notice.
#[doc(hidden)]
pub fn analyse_with(request: &Request<'_>, mutant: Option<Mutant>) -> Analysis {
    let dialect = request.catalog.dialect();
    let read =
        expand(request.sql, request.catalog).and_then(|text| parse(&text.sql, dialect).map(|query| (text, query)));
    let (text, query) = match read {
        Ok(read) => read,
        Err(finding) => return unread(request, finding),
    };
    let (tree, mut findings) = bind(&query, &text, request.catalog);
    let (answer, harmless) = match tree {
        Ok(mut tree) => match target_of(request, &tree) {
            Ok(target) => {
                let read: Vec<Span> = findings.clocks.iter().map(|(span, _)| *span).collect();
                let clocks = clocks(&mut tree, &read);
                let walk = Walk::new(&tree, request.catalog, mutant);
                (followed(&walk, target.as_ref(), &clocks, &text), clocks.harmless)
            }
            Err(finding) => (unfollowed(&query, &text, request, finding), Vec::new()),
        },
        Err(finding) => (unfollowed(&query, &text, request, finding), Vec::new()),
    };
    let places: Vec<Option<Place>> =
        findings.clocks.iter().filter(|(span, _)| harmless.contains(span)).map(|(_, place)| place.clone()).collect();
    findings.unstable.retain(|finding| finding.rule != "clock" || !places.contains(&finding.place));
    sweep(&query, &text, request.catalog, &harmless, &mut findings);
    let Findings { refusals, unstable, notes, .. } = findings;
    let refusals = [refusals, answer.refusals].concat();
    let unstable = [unstable, answer.unstable].concat();
    Analysis { refusals, unstable, notes, canonical: canonical(&query), ..answer }
}

/// Nothing is known but the text.
fn unread(request: &Request<'_>, finding: Finding) -> Analysis {
    Analysis {
        occurrences: Vec::new(),
        terms: Vec::new(),
        slice: None,
        refusals: sweep_words(request.sql, request.catalog),
        unstable: vec![finding],
        notes: Vec::new(),
        canonical: canonical_text(request.sql, request.catalog.dialect()),
    }
}

/// The tables are known and nothing more: any change of any of them rebuilds everything.
fn unfollowed(query: &Query, text: &Expanded, request: &Request<'_>, finding: Finding) -> Analysis {
    let (mut occurrences, mut terms, mut unstable) = (Vec::new(), Vec::new(), Vec::new());
    for (parts, span) in tables(query, request.catalog.dialect()) {
        let columns = match request.catalog.table(&parts) {
            Some(TableInfo::Table { columns }) => columns,
            // A view whose name a common table expression has, too: it was left unread, and one of the two may be meant.
            Some(TableInfo::View { label, .. }) => {
                unstable.push(unknown_table(&label, text.place(span)));
                continue;
            }
            None => continue,
        };
        terms.push(Term {
            occurrence: occurrences.len(),
            probe: Probe {
                table: parts.clone(),
                rows: None,
                columns: columns.into_iter().map(|column| column.name).collect(),
                filter: None,
                moving: false,
                group: Group::Whole,
            },
            steps: Vec::new(),
            effect: Effect::All(finding.clone()),
        });
        let place = text.place(span);
        occurrences.push(Occurrence {
            alias: parts.last().cloned().unwrap_or_default(),
            table: parts,
            through: text.range(span).map(|(start, _)| text.through(start)).unwrap_or_default(),
            role: "read whole".to_owned(),
            place,
        });
    }
    Analysis {
        occurrences,
        terms,
        slice: None,
        refusals: Vec::new(),
        unstable,
        notes: Vec::new(),
        canonical: String::new(),
    }
}

/// The target that names the result's partitions; none when there is only one.
fn target_of(request: &Request<'_>, tree: &Tree) -> Result<Option<Target>, Finding> {
    let problem =
        |message: String, help: &str| Finding { rule: "partitioning", message, help: help.to_owned(), place: None };
    if let Some((id, facts)) = mistaken(request, tree) {
        return Err(problem(
            format!(
                "`{}` was taken for {}, but is {}: so much for what is known of types here; any change rebuilds the whole table",
                facts.name,
                tree.columns[id].data_type.as_deref().unwrap_or("unknown"),
                facts.data_type
            ),
            "cast the column to its type, and report the expression",
        ));
    }
    if tree.output.len() != request.output.len() {
        return Err(problem(
            "the columns of the result could not be followed; any change rebuilds the whole table".into(),
            "",
        ));
    }
    let dialect = tree.columns.dialect;
    let find = |name: &str| {
        let position = request.output.iter().position(|column| dialect.same_name(&column.name, name));
        // What stands at its place must be what we think: a star in another order would cut the table by another column.
        let agrees = |position: &usize| dialect.same_name(&tree.names[*position], name);
        let position = position.filter(agrees);
        position.map(|position| (tree.output[position], &request.output[position])).ok_or_else(|| {
            problem(
                format!(
                    "which column of the result is `{name}` could not be told; any change rebuilds the whole table"
                ),
                "name a column of the result in event_time or unique_key",
            )
        })
    };
    match request.partitioning {
        Partitioning::Whole => Ok(None),
        Partitioning::Interval { column: name, unit } => {
            let (id, facts) = find(name)?;
            let data_type = dialect.reading().normalised(&facts.data_type);
            if data_type != "DATE" && !data_type.starts_with("TIMESTAMP") {
                return Err(problem(
                    format!(
                        "`{name}` is {data_type}, neither a date nor a timestamp; any change rebuilds the whole table"
                    ),
                    "cast the event time to timestamp in the model",
                ));
            }
            let shape = Shape::Interval(*unit);
            Ok(Some(Target { shape, own: true, ..Target::key(vec![column(id)]) }))
        }
        Partitioning::Key { columns } => {
            let found = columns.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?;
            let types = found.iter().map(|(_, facts)| Some(facts.data_type.clone())).collect();
            Ok(Some(Target { types, own: true, ..Target::key(found.iter().map(|(id, _)| column(*id)).collect()) }))
        }
    }
}

/// A column of the result whose type the engine sees otherwise: keys could not be told by their hashes.
fn mistaken<'r>(request: &'r Request<'_>, tree: &Tree) -> Option<(Id, &'r ColumnType)> {
    let reading = tree.columns.dialect.reading();
    let mut pairs = tree.output.iter().zip(request.output);
    pairs.find_map(|(id, facts)| {
        let known = tree.columns[*id].data_type.as_deref().filter(|known| !matches!(*known, "NULL" | "UNKNOWN"))?;
        (reading.normalised(known) != reading.normalised(&facts.data_type)).then_some((*id, facts))
    })
}

/// The types of the result's columns as they are told from the query alone, for a test that asks the engine, too.
#[doc(hidden)]
pub fn output_types(request: &Request<'_>) -> Vec<Option<String>> {
    let read = expand(request.sql, request.catalog)
        .and_then(|text| parse(&text.sql, request.catalog.dialect()).map(|query| (text, query)));
    let Ok((text, query)) = read else { return Vec::new() };
    let (tree, _) = bind(&query, &text, request.catalog);
    tree.map(|tree| tree.output.iter().map(|id| tree.columns[*id].data_type.clone()).collect()).unwrap_or_default()
}

fn followed(walk: &Walk<'_>, target: Option<&Target>, clocks: &Clocks, text: &Expanded) -> Analysis {
    let tree = walk.tree;
    let (partials, reaches, drivers) = match target {
        Some(target) => {
            let (mut reaches, mut drivers) = (Reaches::new(), Vec::new());
            walk.restrict(&tree.root, target, Source::Output, &mut reaches, &mut drivers);
            (walk.dirty(&tree.root, target), Some(reaches), drivers)
        }
        None => {
            let finding = Finding {
                rule: "one-partition",
                message: "the table is one partition: no event_time with batch_size, and no unique_key".to_owned(),
                help: "declare event_time and batch_size, or unique_key".to_owned(),
                place: None,
            };
            (walk.everything(&tree.root, &finding), None, Vec::new())
        }
    };
    let mut partials = partials;
    if walk.mutant.is_none() {
        partials.extend(forgotten(walk, &partials));
    }
    let (columns, filters) = (live::columns(tree), live::filters(walk));
    let blind = walk.mutant == Some(Mutant::ClockStandsStill);
    let terms: Vec<Term> = partials
        .into_iter()
        .filter(|partial| !(blind && tree.scans[partial.scan].passing.is_some()))
        .map(|Partial { scan, group, rows, steps, effect }| {
            let live = columns.get(&scan);
            let used = |id: &usize| live.is_none_or(|live| live.contains(id));
            if let Some(Computed { sql, columns, scans }) = rows {
                let moving = scans.iter().any(|scan| clocks.moving.contains(scan));
                let scans = scans.iter().map(|scan| &tree.scans[*scan]).filter(|scan| scan.passing.is_none());
                let tables: Vec<Vec<String>> = scans.map(|scan| scan.table.clone()).collect();
                let table = tables.first().cloned().unwrap_or_default();
                let rows = Some(Rows { sql, tables });
                return Term {
                    occurrence: scan,
                    probe: Probe { table, rows, columns, filter: None, moving, group },
                    steps,
                    effect,
                };
            }
            let Scan { table, ids, passing, .. } = &tree.scans[scan];
            let name = |id: &Id| match passing {
                Some(_) => column_name(*id),
                None => tree.columns[*id].name.clone(),
            };
            let probe = Probe {
                table: table.clone(),
                rows: passing.as_ref().map(|passing| Rows { sql: passing.sql.clone(), tables: Vec::new() }),
                columns: ids.iter().filter(|id| used(id)).map(name).collect(),
                filter: filters
                    .get(&scan)
                    .filter(|filters| !(filters.is_empty() || blind && clocks.moving.contains(&scan)))
                    .map(|filters| filters.join(" and ")),
                moving: clocks.moving.contains(&scan),
                group,
            };
            Term { occurrence: scan, probe, steps, effect }
        })
        .collect();
    let occurrences = tree
        .scans
        .iter()
        .enumerate()
        .map(|(index, scan)| Occurrence {
            table: scan.table.clone(),
            alias: scan.alias.clone(),
            through: scan.through.clone(),
            role: role(index, &terms),
            place: scan.place.clone(),
        })
        .collect();
    Analysis {
        occurrences,
        slice: reaches.map(|reaches| slice(tree, &reaches, drivers, text)),
        terms,
        refusals: [live::ties(tree), moment::open(tree)].concat(),
        unstable: Vec::new(),
        notes: Vec::new(),
        canonical: String::new(),
    }
}

/// Tables that were bound and that no rule accounted for: a gap in the rules must widen, not hide a change.
fn forgotten(walk: &Walk<'_>, partials: &[Partial]) -> Vec<Partial> {
    let finding = Finding {
        rule: "not-followed",
        message: "how this table reaches the result has no rule; any change of it rebuilds the whole table".to_owned(),
        help: String::new(),
        place: None,
    };
    let known: BTreeSet<usize> = partials.iter().map(|partial| partial.scan).collect();
    let scans = (0..walk.tree.scans.len()).filter(|scan| !known.contains(scan));
    scans.map(|scan| walk.whole(scan, &finding)).collect()
}

/// What an occurrence is to the result, in words.
fn role(occurrence: usize, terms: &[Term]) -> String {
    let own: Vec<&Term> = terms.iter().filter(|term| term.occurrence == occurrence).collect();
    if own.iter().any(|term| matches!(term.effect, Effect::All(_))) {
        return "read whole".to_owned();
    }
    let drives = own.iter().any(|term| term.steps.is_empty() && term.effect == Effect::Partitions);
    let mut words: Vec<String> = Vec::new();
    for term in own {
        let word = match (&term.probe.group, term.steps.as_slice()) {
            (_, []) if matches!(term.effect, Effect::Kept(_)) => "decides with others".to_owned(),
            (Group::Interval { expression, column, unit }, []) => {
                format!("drives the {} ({})", unit.word(), column.as_ref().unwrap_or(expression))
            }
            (Group::Key { expressions } | Group::Values { expressions }, []) => {
                format!("drives the key ({})", expressions.join(", ").replace('"', ""))
            }
            (_, steps) => {
                let keys: Vec<&str> = steps.iter().map(|step| step.reason.as_str()).collect();
                let word = if drives { "rows belong together by" } else { "joined on" };
                format!("{word} {}", keys.join(", then "))
            }
        };
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words.join("; ")
}

/// The expanded text with its scans marked for wrapping. A scan that several occurrences share reads what any of them may.
fn slice(tree: &Tree, reaches: &Reaches, drivers: Vec<Vec<Piece>>, text: &Expanded) -> Slice {
    let mut sites: BTreeMap<(usize, usize), Option<Vec<Reach>>> = BTreeMap::new();
    for (index, scan) in tree.scans.iter().enumerate() {
        let reach = reaches.get(&index).cloned().flatten();
        let site = sites.entry(scan.site).or_insert_with(|| Some(Vec::new()));
        match (reach, site.as_mut()) {
            (Some(reach), Some(known)) => {
                let new: Vec<Reach> = reach.into_iter().filter(|reach| !known.contains(reach)).collect();
                known.extend(new);
            }
            _ => *site = None,
        }
    }
    let mut pieces = Vec::new();
    let mut done = 0;
    for ((start, end), reach) in sites {
        let scan = tree.scans.iter().find(|scan| scan.site == (start, end));
        // `main.o.ts` is a column of the table `main.o`, and of nothing else that goes by the name `o`.
        let stays = |scan: &&Scan| !scan.aliased && tree.qualified.contains(&scan.alias.to_ascii_lowercase());
        let Some(scan) = scan.filter(|scan| start >= done && end > start && !stays(scan)) else { continue };
        pieces.push(Piece::Text(text.sql[done..start].to_owned()));
        pieces.push(Piece::Scan {
            table: text.sql[start..end].to_owned(),
            reach,
            alias: (!scan.aliased).then(|| tree.columns.dialect.quote(&scan.alias)),
        });
        done = end;
    }
    pieces.push(Piece::Text(text.sql[done..].to_owned()));
    Slice { drivers, pieces }
}
