//! Packages of git repositories, fetched by the `git` of the machine.

use std::path::{Path, PathBuf};

use super::tools::run;

/// Fetches one revision into a new folder; the commit it turned out to be.
///
/// # Errors
/// What git said.
pub(super) fn fetch(url: &str, revision: Option<&str>, to: &Path) -> Result<String, String> {
    let revision = revision.unwrap_or("HEAD");
    if url.starts_with('-') || revision.starts_with('-') {
        return Err("a URL or a revision does not begin with a dash".to_owned());
    }
    std::fs::create_dir_all(to).map_err(|error| format!("cannot make {}: {error}", to.display()))?;
    let git = |arguments: &[&str]| run("git", arguments, Some(to));
    git(&["init", "--quiet"])?;
    git(&["remote", "add", "origin", url])?;
    // Servers need not give out single commits; then everything is fetched, and the commit found in it.
    if git(&["fetch", "--quiet", "--depth", "1", "origin", revision]).is_ok() {
        git(&["checkout", "--quiet", "--detach", "FETCH_HEAD"])?;
    } else {
        git(&["fetch", "--quiet", "--tags", "origin", "+refs/heads/*:refs/remotes/origin/*"])?;
        let branch = format!("origin/{revision}");
        git(&["checkout", "--quiet", "--detach", revision])
            .or_else(|_| git(&["checkout", "--quiet", "--detach", &branch]))
            .map_err(|_| format!("the repository has no revision {revision}"))?;
    }
    Ok(git(&["rev-parse", "HEAD"])?.trim().to_owned())
}

/// The folder of the package in a checkout.
///
/// # Errors
/// When the folder leads out of the checkout.
pub(super) fn inside(checkout: &Path, subdirectory: Option<&str>) -> Result<PathBuf, String> {
    let Some(subdirectory) = subdirectory else { return Ok(checkout.to_path_buf()) };
    let inner = Path::new(subdirectory);
    let plain = inner.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if plain { Ok(checkout.join(inner)) } else { Err(format!("`{subdirectory}` is no folder of the repository")) }
}
