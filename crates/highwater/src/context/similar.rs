//! Names that look like a mistyped one.

/// The names nearest to `name`, at most three, nearest first; none that is more than a third different.
pub(crate) fn similar<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let limit = (name.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|other| (distance(name, other), other))
        .filter(|(distance, other)| *distance <= limit && *other != name)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(3).map(|(_, other)| other).collect()
}

/// How many characters to insert, delete or replace, whatever their case.
fn distance(left: &str, right: &str) -> usize {
    let lower = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (left, right) = (lower(left), lower(right));
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::similar;

    #[test]
    fn near_names_come_nearest_first() {
        let known = ["orders", "stg_orders", "order", "customers"];
        assert_eq!(similar("oders", known), ["orders", "order"]);
        assert_eq!(similar("payments", known), Vec::<&str>::new());
    }
}
