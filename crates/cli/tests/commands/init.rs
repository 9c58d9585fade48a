//! `hw init`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn a_new_project_builds_at_once_and_verifies() {
    let folder = TestProject::empty();
    assert_snapshot!(folder.hw(&["init", "corner_shop"]), @"");
    let inside = folder.path("corner_shop");
    let inside = inside.to_str().expect("a path");
    for command in ["build", "explain", "verify"] {
        folder.ok(&["--project-dir", inside, "--profiles-dir", inside, command]);
    }
    assert_snapshot!(folder.hw(&["init", "corner_shop"]), @"");
    assert_snapshot!(folder.hw(&["init", "corner shop"]), @"");
}

#[test]
fn a_project_that_is_here_is_looked_at() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["init"]), @"");
    assert_snapshot!(TestProject::empty().hw(&["init"]), @"");
}
