//! `modules.itertools` on lists. The endless ones (`count`, `cycle`, `repeat` without a number) are refused: templates
//! have no way to stop them.

use crate::ast::BinaryOperator;
use crate::value::{arithmetic, as_integer, iterate, list, none, tuple};
use crate::{Arguments, Error, ErrorKind, Value, function};

/// How many items a combination may give.
const LIMIT: usize = 1_000_000;

/// Members of `itertools`.
pub(super) fn member(name: &str) -> Option<Value> {
    let body: fn(&Arguments) -> Result<Value, Error> = match name {
        "chain" => chain,
        "product" => product,
        "combinations" => |arguments| choose(arguments, |items, size| subsets(items, size, 1)),
        "combinations_with_replacement" => |arguments| choose(arguments, |items, size| subsets(items, size, 0)),
        "permutations" => |arguments| choose(arguments, permutations),
        "zip_longest" => zip_longest,
        "islice" => islice,
        "accumulate" => accumulate,
        "compress" => compress,
        "starmap" => starmap,
        "repeat" => repeat,
        "tee" => tee,
        "count" | "cycle" => |_| Err(Error::new(ErrorKind::Value, "endless iterators are not supported")),
        _ => return None,
    };
    Some(function(name, body))
}

fn tuples(rows: Vec<Vec<Value>>) -> Value {
    list(rows.into_iter().map(tuple).collect())
}

fn check(count: usize) -> Result<(), Error> {
    if count > LIMIT {
        return Err(Error::new(ErrorKind::Value, format!("more than {LIMIT} combinations")));
    }
    Ok(())
}

fn size_of(value: &Value) -> Result<usize, Error> {
    let size = as_integer(value).and_then(|size| usize::try_from(size).ok());
    size.ok_or_else(|| Error::new(ErrorKind::Value, "expected a number that is not negative"))
}

fn columns(arguments: &Arguments) -> Result<Vec<Vec<Value>>, Error> {
    arguments.positional.iter().map(iterate).collect()
}

fn chain(arguments: &Arguments) -> Result<Value, Error> {
    Ok(list(columns(arguments)?.into_iter().flatten().collect()))
}

fn product(arguments: &Arguments) -> Result<Value, Error> {
    let times = arguments.keyword.get("repeat").map_or(Ok(1), size_of)?;
    check(times)?;
    let pools = columns(arguments)?;
    let mut rows: Vec<Vec<Value>> = vec![Vec::new()];
    for pool in std::iter::repeat_n(&pools, times).flatten() {
        check(rows.len().saturating_mul(pool.len()))?;
        rows = rows
            .iter()
            .flat_map(|row| pool.iter().map(move |item| row.iter().chain([item]).cloned().collect()))
            .collect();
    }
    Ok(tuples(rows))
}

type Chooser = fn(&[Value], usize) -> Result<Vec<Vec<Value>>, Error>;

fn choose(arguments: &Arguments, chooser: Chooser) -> Result<Value, Error> {
    let items = iterate(arguments.required(0, "iterable")?)?;
    let size = match arguments.get(1, "r") {
        Some(size) if !size.is_none() => size_of(size)?,
        _ => items.len(),
    };
    chooser(&items, size).map(tuples)
}

/// Rows of indices that grow by at least `step`, in order.
fn subsets(items: &[Value], size: usize, step: usize) -> Result<Vec<Vec<Value>>, Error> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        let mut longer = Vec::new();
        for row in &rows {
            let first = row.last().map_or(0, |last| last + step);
            for index in first..items.len() {
                longer.push(row.iter().copied().chain([index]).collect());
            }
            check(longer.len())?;
        }
        rows = longer;
        if rows.is_empty() {
            break;
        }
    }
    Ok(rows.into_iter().map(|row| row.into_iter().map(|index| items[index].clone()).collect()).collect())
}

fn permutations(items: &[Value], size: usize) -> Result<Vec<Vec<Value>>, Error> {
    let mut rows: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..size {
        let mut longer: Vec<Vec<usize>> = Vec::new();
        for row in &rows {
            for index in (0..items.len()).filter(|index| !row.contains(index)) {
                longer.push(row.iter().copied().chain([index]).collect());
            }
            check(longer.len())?;
        }
        rows = longer;
        if rows.is_empty() {
            break;
        }
    }
    Ok(rows.into_iter().map(|row| row.into_iter().map(|index| items[index].clone()).collect()).collect())
}

fn zip_longest(arguments: &Arguments) -> Result<Value, Error> {
    let fill = arguments.keyword.get("fillvalue").cloned().unwrap_or_else(none);
    let columns = columns(arguments)?;
    let length = columns.iter().map(Vec::len).max().unwrap_or(0);
    let row = |index: usize| columns.iter().map(|column| column.get(index).unwrap_or(&fill).clone()).collect();
    Ok(tuples((0..length).map(row).collect()))
}

fn islice(arguments: &Arguments) -> Result<Value, Error> {
    let items = iterate(arguments.required(0, "iterable")?)?;
    let bound = |index: usize| match arguments.positional.get(index) {
        Some(value) if !value.is_none() => size_of(value).map(Some),
        _ => Ok(None),
    };
    let (start, stop, step) = match arguments.positional.len() {
        2 => (0, bound(1)?, 1),
        _ => (bound(1)?.unwrap_or(0), bound(2)?, bound(3)?.unwrap_or(1)),
    };
    let stop = stop.unwrap_or(items.len());
    Ok(list(items.into_iter().take(stop).skip(start).step_by(step.max(1)).collect()))
}

fn accumulate(arguments: &Arguments) -> Result<Value, Error> {
    let items = iterate(arguments.required(0, "iterable")?)?;
    let combine = arguments.get(1, "func").filter(|combine| !combine.is_none());
    let initial = arguments.keyword.get("initial").filter(|initial| !initial.is_none()).cloned();
    let mut totals: Vec<Value> = initial.into_iter().collect();
    for item in items {
        let next = match (totals.last(), combine) {
            (None, _) => item,
            (Some(total), None) => arithmetic::binary(BinaryOperator::Add, total, &item)?,
            (Some(total), Some(combine)) => crate::call(combine, &[total.clone(), item], &[])?,
        };
        totals.push(next);
    }
    Ok(list(totals))
}

fn compress(arguments: &Arguments) -> Result<Value, Error> {
    let items = iterate(arguments.required(0, "data")?)?;
    let selectors = iterate(arguments.required(1, "selectors")?)?;
    let kept = items.into_iter().zip(selectors).filter(|(_, selector)| selector.is_true());
    Ok(list(kept.map(|(item, _)| item).collect()))
}

fn starmap(arguments: &Arguments) -> Result<Value, Error> {
    let target = arguments.required(0, "function")?;
    let rows = iterate(arguments.required(1, "iterable")?)?;
    Ok(list(rows.iter().map(|row| crate::call(target, &iterate(row)?, &[])).collect::<Result<_, _>>()?))
}

fn repeat(arguments: &Arguments) -> Result<Value, Error> {
    let Some(times) = arguments.get(1, "times") else {
        return Err(Error::new(ErrorKind::Value, "endless iterators are not supported: give repeat() a number"));
    };
    let times = size_of(times)?;
    check(times)?;
    Ok(list(vec![arguments.required(0, "object")?.clone(); times]))
}

fn tee(arguments: &Arguments) -> Result<Value, Error> {
    let items = iterate(arguments.required(0, "iterable")?)?;
    let count = arguments.get(1, "n").map_or(Ok(2), size_of)?;
    check(count.saturating_mul(items.len().max(1)))?;
    Ok(tuple((0..count).map(|_| list(items.clone())).collect()))
}
