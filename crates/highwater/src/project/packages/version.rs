//! Versions as the hub counts them: `1.2.3`, `1.2.3-rc1`, and bounds such as `>=1.0.0`.

use std::cmp::Ordering;

/// A version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    numbers: [u64; 3],
    prerelease: Option<String>,
}

/// What is said of a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bound {
    operator: Operator,
    version: Version,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Version {
    /// Reads `1.2.3`, `1.2.3-rc1` or `1.2.3+build`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (text, _build) = text.split_once('+').unwrap_or((text, ""));
        let digits = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
        let (numbers, rest) = text.split_at(digits);
        let numbers: Vec<u64> = numbers.split('.').map(str::parse).collect::<Result<_, _>>().ok()?;
        let prerelease = rest.strip_prefix('-').unwrap_or(rest);
        let prerelease = (!prerelease.is_empty()).then(|| prerelease.to_owned());
        Some(Self { numbers: numbers.try_into().ok()?, prerelease })
    }

    /// Whether it is a prerelease.
    pub(super) fn is_prerelease(&self) -> bool {
        self.prerelease.is_some()
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (&self.prerelease, &other.prerelease) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(own), Some(other)) => prerelease_order(own, other),
        })
    }
}

/// Numbers by size and before words, words by letters; the longer one comes later.
fn prerelease_order(left: &str, right: &str) -> Ordering {
    let parts =
        left.split('.').zip(right.split('.')).map(|(left, right)| match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => left.cmp(right),
        });
    parts.fold(Ordering::Equal, Ordering::then).then_with(|| left.split('.').count().cmp(&right.split('.').count()))
}

impl Bound {
    /// Reads `1.2.3`, `=1.2.3`, `>=1.2.3`, `>1.2.3`, `<=1.2.3` or `<1.2.3`; several with commas between them.
    pub(super) fn parse_all(text: &str) -> Option<Vec<Self>> {
        text.split(',').map(|part| Self::parse(part.trim())).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let operators = [
            (">=", Operator::GreaterOrEqual),
            ("<=", Operator::LessOrEqual),
            (">", Operator::Greater),
            ("<", Operator::Less),
            ("=", Operator::Equal),
        ];
        let found = operators.into_iter().find_map(|(word, operator)| Some((operator, text.strip_prefix(word)?)));
        let (operator, rest) = found.unwrap_or((Operator::Equal, text));
        Some(Self { operator, version: Version::parse(rest.trim())? })
    }

    /// Whether a version is one of those meant.
    pub(super) fn admits(&self, version: &Version) -> bool {
        let order = version.cmp(&self.version);
        match self.operator {
            Operator::Equal => order.is_eq(),
            Operator::Greater => order.is_gt(),
            Operator::GreaterOrEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessOrEqual => order.is_le(),
        }
    }

    /// Whether it names a prerelease.
    pub(super) fn is_prerelease(&self) -> bool {
        self.version.is_prerelease()
    }
}

/// The newest of these versions that every bound admits.
pub(super) fn newest<'a>(
    versions: impl IntoIterator<Item = &'a str>,
    bounds: &[Bound],
    prerelease: bool,
) -> Option<&'a str> {
    let prerelease = prerelease || bounds.iter().any(Bound::is_prerelease);
    let known = versions.into_iter().filter_map(|text| Some((Version::parse(text)?, text)));
    let fits = known.filter(|(version, _)| prerelease || !version.is_prerelease());
    let fits = fits.filter(|(version, _)| bounds.iter().all(|bound| bound.admits(version)));
    fits.max_by(|(left, _), (right, _)| left.cmp(right)).map(|(_, text)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_all_bounds_admit() {
        let versions = ["0.9.9", "1.0.0", "1.10.0", "1.9.0", "2.0.0-rc1", "2.0.0-rc.2", "2.0.0", "3.0.0-a1", "odd"];
        let newest = |bounds: &str, prerelease| {
            newest(versions, &Bound::parse_all(bounds).expect("bounds"), prerelease).unwrap_or("none")
        };
        assert_eq!(newest(">=0.0.0", false), "2.0.0");
        assert_eq!(newest(">=0.0.0", true), "3.0.0-a1");
        assert_eq!(newest(">=1.0.0,<2.0.0", false), "1.10.0");
        assert_eq!(newest(">=1.0.0,<2.0.0", true), "2.0.0-rc1");
        assert_eq!(newest("<1.10.0,>0.9.9", false), "1.9.0");
        assert_eq!(newest("=2.0.0-rc.2", false), "2.0.0-rc.2");
        assert_eq!(newest("1.0.0", false), "1.0.0");
        assert_eq!(newest("<=0.9.0", false), "none");
        for wrong in ["1.1", "one", "~>1.0.0", ""] {
            assert!(Bound::parse_all(wrong).is_none(), "{wrong}");
        }
    }
}
