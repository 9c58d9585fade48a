//! Approvals: names recorded in the plan's file, so that agreeing is a commit like any other.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::document::File;
use super::error::BackfillError;

/// Someone's agreement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub name: String,
    /// When, in UTC.
    pub at: String,
}

/// Adds a name to a plan. A name counts once.
///
/// # Errors
/// When the name is empty.
pub fn approve(file: &mut File, name: &str, now: Timestamp) -> Result<bool, BackfillError> {
    let name = name.trim();
    if name.is_empty() {
        return Err(BackfillError::Request { problem: "an approval needs a name: --name 'Ana Lopez'".to_owned() });
    }
    if file.approvals.iter().any(|approval| approval.name.eq_ignore_ascii_case(name)) {
        return Ok(false);
    }
    let at = now.strftime("%Y-%m-%d %H:%M").to_string();
    file.approvals.push(Approval { name: name.to_owned(), at });
    Ok(true)
}

/// Whether enough people agreed.
///
/// # Errors
/// [`BackfillError::Unapproved`].
pub(crate) fn check(file: &File) -> Result<(), BackfillError> {
    let (have, want) = (file.approvals.len(), file.plan.approvals);
    if u32::try_from(have).is_ok_and(|have| have < want) {
        return Err(BackfillError::Unapproved { id: file.backfill.clone(), have, want });
    }
    Ok(())
}
