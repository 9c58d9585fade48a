//! The programs that fetch: `git`, `curl` and `tar`, as the machine has them, with its proxies, certificates and keys.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Command;

/// Runs a program; its standard output. `shown` is what people may see of the arguments.
///
/// # Errors
/// What to tell: the program is missing, or what it said of its failure.
pub(super) fn run<S: AsRef<OsStr>>(program: &str, arguments: &[S], folder: Option<&Path>) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments);
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let output = command.output().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("there is no program `{program}` on this machine"),
        _ => format!("cannot run {program}: {error}"),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("no reason given");
    Err(if last.starts_with(program) { last.to_owned() } else { format!("{program}: {last}") })
}

/// Fetches a URL into a file.
///
/// # Errors
/// Those of [`run`].
pub(super) fn download(url: &str, to: &Path) -> Result<(), String> {
    let to = to.to_string_lossy();
    let arguments = [
        "--fail",
        "--silent",
        "--show-error",
        "--location",
        "--retry",
        "2",
        "--max-time",
        "120",
        "--output",
        &to,
        "--",
        url,
    ];
    run("curl", &arguments, None).map(drop)
}

/// Unpacks an archive into a folder.
///
/// # Errors
/// Those of [`run`].
pub(super) fn unpack(archive: &Path, to: &Path) -> Result<(), String> {
    let (archive, to) = (archive.to_string_lossy(), to.to_string_lossy());
    run("tar", &["-xzf", &archive, "-C", &to], None).map(drop)
}
