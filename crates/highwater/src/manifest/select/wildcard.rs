//! Shell wildcards: `*`, `?`, `[abc]`, `[a-z]`, `[!a]`. Letters count as written.

/// Whether a text fits a pattern.
pub(super) fn fits(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let pattern: Vec<char> = pattern.chars().collect();
    fits_from(&text, &pattern)
}

/// Whether a pattern has any wildcard in it.
pub(super) fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', ']'])
}

fn fits_from(text: &[char], pattern: &[char]) -> bool {
    match pattern.first() {
        None => text.is_empty(),
        Some('*') => (0..=text.len()).any(|skipped| fits_from(&text[skipped..], &pattern[1..])),
        Some('?') => !text.is_empty() && fits_from(&text[1..], &pattern[1..]),
        Some('[') => match (text.first(), set(pattern)) {
            (Some(letter), Some((members, length))) => {
                contains(members, *letter) && fits_from(&text[1..], &pattern[length..])
            }
            (Some(letter), None) => *letter == '[' && fits_from(&text[1..], &pattern[1..]),
            (None, _) => false,
        },
        Some(expected) => text.first() == Some(expected) && fits_from(&text[1..], &pattern[1..]),
    }
}

/// The members of a set and the length of the whole of it; a `]` right behind `[` or `[!` is a member.
fn set(pattern: &[char]) -> Option<(&[char], usize)> {
    let first = if pattern.get(1) == Some(&'!') { 3 } else { 2 };
    let end = (first..pattern.len()).find(|index| pattern[*index] == ']')?;
    Some((&pattern[1..end], end + 1))
}

fn contains(members: &[char], letter: char) -> bool {
    let (negated, members) = if members.first() == Some(&'!') { (true, &members[1..]) } else { (false, members) };
    let mut found = false;
    let mut index = 0;
    while index < members.len() {
        if index + 2 < members.len() && members[index + 1] == '-' {
            found |= (members[index]..=members[index + 2]).contains(&letter);
            index += 3;
        } else {
            found |= members[index] == letter;
            index += 1;
        }
    }
    found != negated
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        for (text, pattern, expected) in [
            ("stg_orders", "stg_*", true),
            ("stg_orders", "*", true),
            ("stg_orders", "stg", false),
            ("a.b.c", "a.*.c", true),
            ("v1", "v?", true),
            ("v12", "v?", false),
            ("v3", "v[0-9]", true),
            ("vx", "v[!0-9]", true),
            ("v]", "v[]]", true),
            ("v[", "v[", true),
            ("", "*", true),
        ] {
            assert_eq!(fits(text, pattern), expected, "{text} {pattern}");
        }
    }
}
