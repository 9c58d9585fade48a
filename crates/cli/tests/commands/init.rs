//! `hw init`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn a_new_project_builds_at_once_and_verifies() {
    let folder = TestProject::empty();
    assert_snapshot!(folder.hw(&["init", "corner_shop"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  corner_shop is ready: 7 files with one exact model, and a profile of its own
    [CLOCK]
    [CLOCK]    cd corner_shop
    [CLOCK]    hw build
    "#);
    let inside = folder.path("corner_shop");
    let inside = inside.to_str().expect("a path");
    for command in ["build", "explain", "verify"] {
        folder.ok(&["--project-dir", inside, "--profiles-dir", inside, command]);
    }
    assert_snapshot!(folder.hw(&["init", "corner_shop"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0011]: corner_shop exists already and is not empty
      hint: nothing was written; choose another name, or delete it
    "#);
    assert_snapshot!(folder.hw(&["init", "corner shop"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0010]: `corner shop` cannot be the name of a project
      hint: use letters, digits and underscores, beginning with a letter: hw init my_shop
    "#);
}

#[test]
fn a_project_that_is_here_is_looked_at() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["init"]), @r#"
    exit 0
    --- stdout
    shop is a dbt project that Highwater can run: 1 model, 1 seed, 2 tests

      exact models        daily_revenue
      other incremental   none
      target              dev ([FOLDER]/shop.duckdb)

      next: hw debug, then hw build
    "#);
    assert_snapshot!(TestProject::empty().hw(&["init"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0013]: no project is here, and no name for a new one was given
      hint: a new project: hw init my_shop
      hint: a project elsewhere: hw init --project-dir DIR
    "#);
}
