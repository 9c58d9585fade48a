//! The types in which DuckDB compares values of different types.

/// The type in which the engine compares values of two types; none when nobody knows.
pub(super) fn meeting(own: &str, other: &str) -> Option<String> {
    let pair = [own, other];
    let is = |name: &str| pair.contains(&name);
    let both = |test: fn(&str) -> bool| pair.iter().all(|name| test(name));
    let met = if both(|name| is_integer(name) && !is_wide(name)) {
        // Any two of them are equal as numbers.
        "BIGINT".to_owned()
    } else if both(is_integer) {
        "HUGEINT".to_owned()
    } else if both(|name| is_integer(name) || scale(name).is_some()) {
        let scale = pair.iter().filter_map(|name| scale(name)).max()?;
        format!("DECIMAL(38,{scale})")
    } else if is("DOUBLE") && both(is_number) {
        "DOUBLE".to_owned()
    } else if is("FLOAT") && both(is_number) {
        "FLOAT".to_owned()
    } else if both(|name| matches!(name, "DATE" | "TIMESTAMP")) {
        "TIMESTAMP".to_owned()
    } else if both(|name| matches!(name, "DATE" | "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE")) {
        "TIMESTAMP WITH TIME ZONE".to_owned()
    } else if is("VARCHAR") {
        let known = *pair.iter().find(|name| **name != "VARCHAR")?;
        let enumerated = known.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("enum"));
        let plain = is_number(known) || matches!(known, "BOOLEAN" | "DATE" | "TIMESTAMP" | "UUID");
        if enumerated {
            "VARCHAR".to_owned()
        } else if plain {
            known.to_owned()
        } else {
            return None;
        }
    } else {
        return None;
    };
    Some(met)
}

fn is_integer(name: &str) -> bool {
    matches!(
        name,
        "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "HUGEINT" | "UTINYINT" | "USMALLINT" | "UINTEGER" | "UBIGINT"
    )
}

fn is_wide(name: &str) -> bool {
    matches!(name, "HUGEINT" | "UBIGINT")
}

fn is_number(name: &str) -> bool {
    is_integer(name) || scale(name).is_some() || matches!(name, "DOUBLE" | "FLOAT")
}

/// The digits after the point of a decimal type.
fn scale(name: &str) -> Option<u32> {
    name.strip_prefix("DECIMAL(")?.strip_suffix(')')?.split_once(',')?.1.trim().parse().ok()
}

/// Whether a value of one type may be too large for the other.
fn overflows(own: &str, meeting: &str) -> bool {
    let Some(scale_there) = scale(meeting) else { return false };
    let digits = match own {
        "HUGEINT" | "UBIGINT" => 38,
        "BIGINT" | "UINTEGER" => 19,
        _ => match own.strip_prefix("DECIMAL(").and_then(|rest| rest.split(',').next()) {
            Some(width) => width.trim().parse::<u32>().unwrap_or(38).saturating_sub(scale(own).unwrap_or(0)),
            None => 10,
        },
    };
    digits + scale_there > 38
}

/// Whether a cast that the engine would make for a comparison can fail for some value.
pub(super) fn may_fail(own: &str, meeting: &str) -> bool {
    own == "VARCHAR" || overflows(own, meeting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_meet_where_the_engine_compares_them() {
        let met = |own, other| meeting(own, other).unwrap_or_else(|| "-".to_owned());
        assert_eq!(met("INTEGER", "BIGINT"), "BIGINT");
        assert_eq!(met("UBIGINT", "BIGINT"), "HUGEINT");
        assert_eq!(met("BIGINT", "DECIMAL(9,2)"), "DECIMAL(38,2)");
        assert_eq!(met("VARCHAR", "INTEGER"), "INTEGER");
        assert_eq!(met("FLOAT", "INTEGER"), "FLOAT");
        assert_eq!(met("DATE", "TIMESTAMP"), "TIMESTAMP");
        assert_eq!(met("VARCHAR", "INTEGER[]"), "-");
        assert!(overflows("DECIMAL(38,0)", "DECIMAL(38,2)"));
        assert!(!overflows("BIGINT", "DECIMAL(38,2)"));
    }
}
