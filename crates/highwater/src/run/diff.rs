//! How the rows that a unit test got differ from those it expected, drawn as dbt draws it.
//!
//! Equal rows are paired first, then rows that share a value which no other row has. What differs within a pair is shown as
//! `old→new`; the rest was added (`+++`) or is missing (`---`). Of what did not change only the neighbours are shown.

use std::collections::HashMap;

/// A line of the drawing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    Same(Vec<String>),
    Changed(Vec<String>),
    Added(Vec<String>),
    Missing(Vec<String>),
}

/// The drawing; `None` when the rows are the same, in whatever order.
pub(crate) fn draw(columns: &[String], mut expected: Vec<Vec<String>>, mut actual: Vec<Vec<String>>) -> Option<String> {
    expected.sort();
    actual.sort();
    let lines = lines(&expected, &actual);
    if lines.iter().all(|line| matches!(line, Line::Same(_))) {
        return None;
    }
    let shown = shown(&lines);
    let mut rows = vec![std::iter::once("@@".to_owned()).chain(columns.iter().cloned()).collect::<Vec<_>>()];
    for (line, shown) in lines.iter().zip(shown) {
        let (mark, cells) = match line {
            Line::Same(cells) => ("", cells),
            Line::Changed(cells) => ("→", cells),
            Line::Added(cells) => ("+++", cells),
            Line::Missing(cells) => ("---", cells),
        };
        match shown {
            Shown::No => {}
            Shown::Gap => rows.push(vec!["...".to_owned(); columns.len() + 1]),
            Shown::Yes => rows.push(std::iter::once(mark.to_owned()).chain(cells.iter().cloned()).collect()),
        }
    }
    Some(aligned(&rows))
}

/// Rows as lines, cells under each other.
fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let last = row.len() - 1;
        let cells = row.iter().enumerate().map(|(column, cell)| {
            let width = if column == last { 0 } else { widths[column] };
            format!("{cell:<width$}")
        });
        cells.collect::<Vec<_>>().join(",")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Yes,
    Gap,
    No,
}

/// A line is shown when it or a neighbour changed; two steps away from a change there is a gap.
fn shown(lines: &[Line]) -> Vec<Shown> {
    let changed: Vec<usize> =
        lines.iter().enumerate().filter(|(_, line)| !matches!(line, Line::Same(_))).map(|(index, _)| index).collect();
    let distance = |index: usize| changed.iter().map(|other| other.abs_diff(index)).min().unwrap_or(usize::MAX);
    (0..lines.len())
        .map(|index| match distance(index) {
            0 | 1 => Shown::Yes,
            2 => Shown::Gap,
            _ => Shown::No,
        })
        .collect()
}

fn lines(expected: &[Vec<String>], actual: &[Vec<String>]) -> Vec<Line> {
    let pairs = pairs(expected, actual);
    let partner: HashMap<usize, usize> = pairs.iter().map(|(left, right)| (*right, *left)).collect();
    let mut open: Vec<usize> =
        (0..expected.len()).filter(|left| !pairs.iter().any(|(paired, _)| paired == left)).rev().collect();
    let mut lines = Vec::new();
    for (index, row) in actual.iter().enumerate() {
        let Some(left) = partner.get(&index) else {
            lines.push(Line::Added(row.clone()));
            continue;
        };
        while let Some(missing) = open.pop_if(|missing| *missing < *left) {
            lines.push(Line::Missing(expected[missing].clone()));
        }
        let before = &expected[*left];
        if before == row {
            lines.push(Line::Same(row.clone()));
        } else {
            let cell = |(old, new): (&String, &String)| if old == new { new.clone() } else { format!("{old}→{new}") };
            lines.push(Line::Changed(before.iter().zip(row).map(cell).collect()));
        }
    }
    lines.extend(open.into_iter().rev().map(|missing| Line::Missing(expected[missing].clone())));
    lines
}

/// Which expected row belongs to which actual one.
fn pairs(expected: &[Vec<String>], actual: &[Vec<String>]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut left: Vec<usize> = (0..expected.len()).collect();
    let mut right: Vec<usize> = (0..actual.len()).collect();
    left.retain(|one| match right.iter().position(|other| actual[*other] == expected[*one]) {
        Some(found) => {
            pairs.push((*one, right.remove(found)));
            false
        }
        None => true,
    });
    for column in 0..expected.first().map_or(0, Vec::len) {
        let once = |rows: &[Vec<String>], value: &String| rows.iter().filter(|row| row[column] == *value).count() == 1;
        left.retain(|one| {
            let value = &expected[*one][column];
            let found = right.iter().position(|other| actual[*other][column] == *value);
            let tells = value != "NULL" && once(expected, value) && once(actual, value);
            match found.filter(|_| tells) {
                Some(found) => {
                    pairs.push((*one, right.remove(found)));
                    false
                }
                None => true,
            }
        });
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Vec<Vec<String>> {
        text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    fn drawn(columns: &str, expected: &str, actual: &str) -> String {
        let columns: Vec<String> = columns.split_whitespace().map(str::to_owned).collect();
        draw(&columns, table(expected), table(actual)).unwrap_or_else(|| "the same".to_owned())
    }

    #[test]
    fn pairs_changes_and_what_lies_around_them() {
        insta::assert_snapshot!(
            drawn("id name v", "1 a NULL\n2 b 3\n3 c 3\n4 d 4\n5 e 5\n6 f 6", "2 b 3\n1 a NULL\n3 c 3\n4 d 4\n5 x 5\n7 g 7"), @"
        @@ ,id ,name,v
        ...,...,... ,...
           ,4  ,d   ,4
        →  ,5  ,e→x ,5
        +++,7  ,g   ,7
        ---,6  ,f   ,6
        ");
        insta::assert_snapshot!(drawn("a b c", "1 x 1\n2 x 1", "8 x 1\n2 q 7"), @"
    @@ ,a,b  ,c
    ---,1,x  ,1
    →  ,2,x→q,1→7
    +++,8,x  ,1
    ");
        insta::assert_snapshot!(drawn("a b", "1 2\n1 2", "1 2"), @"
        @@ ,a,b
           ,1,2
        ---,1,2
        ");
        assert_eq!(drawn("a", "1\n2", "2\n1"), "the same");
    }
}
