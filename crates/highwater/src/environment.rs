//! Variables of the environment that templates read: which ones were asked for is remembered, because what was parsed with
//! their values holds only as long as they have them.

use std::collections::BTreeSet;
use std::env::VarError;
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// Names asked for since the process began. The environment itself belongs to the whole process, too.
static ASKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The value of a variable.
///
/// # Errors
/// When it is not set, or is no text.
pub(crate) fn read(name: &str) -> Result<String, VarError> {
    let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if !asked.contains(name) {
        asked.insert(name.to_owned());
    }
    drop(asked);
    value(name).map_or(Err(VarError::NotPresent), |value| value.into_string().map_err(VarError::NotUnicode))
}

fn value(name: &str) -> Option<OsString> {
    #[cfg(test)]
    if let Some(value) = tests::SET.lock().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Some(value.into());
    }
    std::env::var_os(name)
}

/// The names asked for so far, each with a digest of its value: values may be secret.
pub(crate) fn asked() -> Vec<(String, Option<String>)> {
    let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    asked.iter().map(|name| (name.clone(), digest(name))).collect()
}

/// A digest of the present value of a variable; nothing when it is not set.
pub(crate) fn digest(name: &str) -> Option<String> {
    let value = value(name)?;
    let digest = Sha256::digest(value.as_encoded_bytes());
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    /// What tests set: the environment of the process is shared by all of them.
    pub(crate) static SET: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
}
