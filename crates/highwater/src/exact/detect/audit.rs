//! The audit: some groups are looked at whatever the versions of their rows say, others the next day, so that within some days all have been.
//!
//! A group's turn is decided by a hash of it, so the groups looked at lie scattered; every day one share of them is due, at the first run of that
//! day, and days without a run are made up for. The first group that is found changed without a new version breaks the contract, and then all of them
//! are looked at at once.

use highwater_sql::Dialect;

/// The groups that are due: those whose turn is among `turns` of `of`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Due {
    turns: Vec<u32>,
    of: u32,
}

/// What is due on a day, in days since 1970, when the audit went up to another. None: nothing, or there is no audit.
pub(crate) fn due(audited: i64, today: i64, days: Option<u32>) -> Option<Due> {
    let of = days?;
    if today <= audited {
        return None;
    }
    let missed = (today - audited).min(i64::from(of));
    let turn = |day: i64| u32::try_from(day.rem_euclid(i64::from(of))).unwrap_or(0);
    Some(Due { turns: (today - missed + 1..=today).map(turn).collect(), of })
}

impl Due {
    /// Whether a group is due, as an expression over its id. Always true or false.
    pub fn condition(&self, dialect: Dialect, id: &str) -> String {
        if self.turns.len() >= self.of as usize {
            return "true".to_owned();
        }
        let turns: Vec<String> = self.turns.iter().map(u32::to_string).collect();
        let hash = dialect.key_hash(&[id.to_owned()]);
        // Hashes may be below zero.
        format!("coalesce((({hash} % {0}) + {0}) % {0} in ({1}), false)", self.of, turns.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use highwater_sql::Dialect;

    use super::due;

    #[test]
    fn every_turn_comes_within_the_days_and_missed_ones_are_made_up_for() {
        assert_eq!(due(100, 100, Some(7)), None, "once a day");
        assert_eq!(due(100, 90, Some(7)), None, "a clock that goes back");
        assert_eq!(due(100, 200, None), None, "no audit");
        let mut audited = 100;
        let mut seen = Vec::new();
        for today in [101, 102, 105, 107] {
            seen.extend(due(audited, today, Some(7)).expect("due").turns);
            audited = today;
        }
        seen.sort_unstable();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(due(100, 1000, Some(7)).expect("due").condition(Dialect::DuckDb, "p"), "true");
    }
}
