//! `hw deps`

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn installs_local_packages() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["deps"]), @r#"
exit 0
--- stderr
[CLOCK]  no packages to install
"#);
    project.write_all(
        "
=== packages.yml
packages: [{local: shared}]
=== shared/dbt_project.yml
name: shared
version: '1.0'
=== shared/packages.yml
packages: [{local: ../deeper}]
=== shared/models/common.sql
select 1 as id
=== deeper/dbt_project.yml
name: deeper
",
    );
    assert_snapshot!(project.hw(&["deps"]), @r#"
exit 0
--- stderr
[CLOCK]  wrote [FOLDER]/package-lock.yml
[CLOCK]  shared from shared, local @ shared
[CLOCK]  deeper from deeper, local @ deeper
"#);
    assert_snapshot!(project.read("package-lock.yml"), @r#"
packages:
  - local: shared
    name: shared
  - local: deeper
    name: deeper
sha1_hash: 7b4e7c4818c1d8e4dd0b0a4501ff2fa0f47f1d4d
"#);
    assert_snapshot!(project.hw(&["ls", "--resource-type", "model"]), @r#"
exit 0
--- stdout
shared.common
shop.daily_revenue
"#);
    project.write("dbt_packages/shared/models/common.sql", "changed by hand");
    project.ok(&["deps", "--lock"]);
    assert_eq!(project.read("dbt_packages/shared/models/common.sql"), "changed by hand", "--lock installs nothing");
    project.ok(&["deps"]);
    assert_eq!(project.read("dbt_packages/shared/models/common.sql"), "select 1 as id\n");
    let left: Vec<_> = std::fs::read_dir(project.path("")).expect("the folder").filter_map(Result::ok).collect();
    assert!(left.iter().all(|entry| !entry.file_name().to_string_lossy().starts_with(".highwater")), "{left:?}");
}

/// Runs git in a folder; what it said.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").args(identity).args(arguments).current_dir(folder).output().expect("git starts");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn installs_from_git_what_the_lock_says_until_told_otherwise() {
    let project = TestProject::new(SHOP);
    project.write_all(
        "
=== upstream/dbt_project.yml
name: outer
=== upstream/utils/dbt_project.yml
name: utils
=== upstream/utils/macros/answer.sql
{% macro answer() %}one{% endmacro %}
",
    );
    let upstream = project.path("upstream");
    git(&upstream, &["init", "--quiet"]);
    let commit = |text: &str| {
        project.write("upstream/utils/macros/answer.sql", &format!("{{% macro answer() %}}{text}{{% endmacro %}}"));
        git(&upstream, &["add", "-A"]);
        git(&upstream, &["commit", "--quiet", "-m", text]);
        git(&upstream, &["rev-parse", "HEAD"])
    };
    let first = commit("one");
    git(&upstream, &["tag", "1.0"]);
    let wanted = |revision: &str| {
        let line = format!("packages:\n  - git: upstream\n    revision: {revision}\n    subdirectory: utils\n");
        project.write("packages.yml", &line);
    };
    let answer = || project.read("dbt_packages/utils/macros/answer.sql").contains("two");
    wanted("main");
    project.ok(&["deps"]);
    let lock = project.read("package-lock.yml");
    assert!(lock.contains(&format!("revision: {first}")) && lock.contains("subdirectory: utils"), "{lock}");
    let second = commit("two");
    project.ok(&["deps"]);
    assert!(!answer(), "the lock holds the first commit");
    project.ok(&["deps", "--upgrade"]);
    assert!(answer() && project.read("package-lock.yml").contains(&second));
    wanted("'1.0'");
    project.ok(&["deps"]);
    assert!(!answer(), "another revision is asked for, so the lock is written anew");
    wanted("nowhere");
    assert_snapshot!(project.hw(&["deps"]), @r#"
exit 2
--- stderr
nothing was run: Runtime Error

error[HW0121]: `upstream` cannot be fetched
  ┌─ packages.yml:2:5
  │
2 │   - git: upstream
  │     ^^^^^^^^^^^^^
  │
  note: the repository has no revision nowhere
  hint: what is installed stays as it is; without a network, use `local:` with the folder of a copy
"#);
    assert!(!answer(), "what is installed stays");
    wanted("--upload-pack=touch");
    assert_snapshot!(project.hw(&["deps"]), @r#"
exit 2
--- stderr
nothing was run: Runtime Error

error[HW0121]: `upstream` cannot be fetched
  ┌─ packages.yml:2:5
  │
2 │   - git: upstream
  │     ^^^^^^^^^^^^^
  │
  note: a URL or a revision does not begin with a dash
  hint: what is installed stays as it is; without a network, use `local:` with the folder of a copy
"#);
}

/// A hub on a port of its own, answering from files of a folder until the test ends.
fn hub(folder: &Path) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}/", listener.local_addr().expect("an address"));
    let folder = folder.to_path_buf();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = request.split_whitespace().nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
            let (status, body) = match std::fs::read(folder.join(path)) {
                Ok(body) => ("200 OK", body),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    base
}

#[test]
fn installs_from_the_hub_the_newest_version_that_fits_everyone() {
    let project = TestProject::new(SHOP);
    let base = hub(&project.path("hub"));
    let versions = |package: &str, versions: &[(&str, &str, &str)]| {
        let mut all = serde_json::Map::new();
        for (version, packages, required) in versions {
            let archive = format!("{package}-{version}");
            project.write(&format!("{archive}/dbt_project.yml"), &format!("name: {package}\nversion: {version}\n"));
            std::fs::create_dir_all(project.path("hub/archives")).expect("a folder");
            let target = project.path(&format!("hub/archives/{archive}.tar.gz"));
            let done = Command::new("tar").arg("-czf").arg(target).arg(&archive).current_dir(project.path("")).status();
            assert!(done.expect("tar starts").success());
            let packages: serde_json::Value = serde_json::from_str(packages).expect("JSON");
            all.insert(
                (*version).to_owned(),
                serde_json::json!({
                    "name": package, "packages": packages, "require_dbt_version": [required],
                    "downloads": {"tarball": format!("{base}archives/{archive}.tar.gz")},
                }),
            );
        }
        let metadata = serde_json::json!({"name": package, "namespace": "acme", "versions": all});
        project.write(&format!("hub/api/v1/acme/{package}.json"), &metadata.to_string());
    };
    versions(
        "low",
        &[("1.0.0", "[]", ">=1.0.0"), ("1.5.0", "[]", ">=1.0.0"), ("1.6.0", "[]", ">=9.0.0"), ("2.0.0", "[]", "")],
    );
    let needs = r#"[{"package": "acme/low", "version": [">=1.0.0", "<2.0.0"]}]"#;
    versions("high", &[("0.1.0", needs, ">=1.0.0"), ("0.2.0", needs, ">=1.0.0"), ("0.3.0-rc1", needs, ">=1.0.0")]);
    let deps = |arguments: &[&str]| {
        let output = project.command(arguments).env("DBT_PACKAGE_HUB_URL", &base).output().expect("hw starts");
        project.report(&output).replace(&base, "[HUB]/")
    };
    assert_snapshot!(deps(&["deps", "--add-package", "acme/high@>=0.1.0"]), @r#"
exit 0
--- stderr
[CLOCK]  added acme/high@>=0.1.0 to [FOLDER]/packages.yml
[CLOCK]  wrote [FOLDER]/package-lock.yml
[CLOCK]  high from acme/high, version 0.2.0
[CLOCK]  low from acme/low, version 1.5.0; there is 2.0.0
"#);
    assert_snapshot!(project.read("packages.yml"), @r#"
packages:
  - package: acme/high
    version: '>=0.1.0'
"#);
    assert_snapshot!(project.read("package-lock.yml"), @r#"
packages:
  - name: high
    package: acme/high
    version: 0.2.0
  - name: low
    package: acme/low
    version: 1.5.0
sha1_hash: 92249b32a80535efcf555f4b7d8746d463a0a61e
"#);
    assert!(project.read("dbt_packages/low/dbt_project.yml").contains("1.5.0"));
    project.write(
        "packages.yml",
        "packages:\n  - package: acme/high\n    version: 0.1.0\n  - package: acme/low\n    version: 1.0.0\n",
    );
    assert_snapshot!(deps(&["deps"]), @r#"
exit 0
--- stderr
[CLOCK]  wrote [FOLDER]/package-lock.yml
[CLOCK]  high from acme/high, version 0.1.0; there is 0.2.0
[CLOCK]  low from acme/low, version 1.0.0; there is 2.0.0
"#);
    project.write(
        "packages.yml",
        "packages:\n  - package: acme/high\n    version: 0.1.0\n  - package: acme/low\n    version: 2.0.0\n",
    );
    assert_snapshot!(deps(&["deps"]), @r#"
exit 2
--- stderr
nothing was run: Runtime Error

error[HW0121]: `acme/low` cannot be fetched
  ┌─ packages.yml:4:5
  │
4 │   - package: acme/low
  │     ^^^^^^^^^^^^^^^^^
  │
  note: no version fits 2.0.0, >=1.0.0, <2.0.0; there are 1.0.0, 1.5.0, 2.0.0
  hint: what is installed stays as it is; without a network, use `local:` with the folder of a copy
"#);
    project.write("packages.yml", "packages:\n  - package: acme/none\n    version: 0.1.0\n");
    // What curl says of it differs from machine to machine.
    let absent = deps(&["deps"]);
    assert!(
        absent.starts_with("exit 2") && absent.contains("error[HW0121]: `acme/none` cannot be fetched"),
        "{absent}"
    );
    assert!(project.read("dbt_packages/low/dbt_project.yml").contains("1.0.0"), "what was installed stays");
}

#[test]
fn without_a_network_says_so_and_changes_nothing() {
    let project = TestProject::new(SHOP);
    project.write_all(
        "
=== packages.yml
packages:
  - package: dbt-labs/dbt_utils
    version: 1.3.0
=== dbt_packages/dbt_utils/dbt_project.yml
name: dbt_utils
",
    );
    // Nobody listens there.
    let base = "http://127.0.0.1:9/";
    let output = project.command(&["deps"]).env("DBT_PACKAGE_HUB_URL", base).output().expect("hw starts");
    let report = project.report(&output);
    assert!(report.starts_with("exit 2"), "{report}");
    assert!(report.contains("error[HW0121]: `dbt-labs/dbt_utils` cannot be fetched"), "{report}");
    assert!(report.contains("hint: what is installed stays as it is; without a network, use `local:`"), "{report}");
    assert_snapshot!(project.read("dbt_packages/dbt_utils/dbt_project.yml"), @"name: dbt_utils");
    assert_snapshot!(project.hw(&["deps", "--add-package", "dbt-labs/codegen"]), @r#"
exit 2
--- stderr
nothing was run: Parsing Error

error[HW0103]: `dbt-labs/codegen` is added without a version
  hint: write --add-package dbt-labs/codegen@1.0.0 or dbt-labs/codegen@'>=1.0.0,<2.0.0'
"#);
}
