//! `hw clean`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn deletes_artifacts_and_nothing_else() {
    let project = TestProject::new(SHOP);
    project.ok(&["parse"]);
    assert_snapshot!(project.hw(&["clean"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  deleted [FOLDER]/target
    "#);
    assert!(!project.path("target").exists() && project.path("models/daily_revenue.sql").exists());
    assert_snapshot!(project.hw(&["clean"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  nothing to delete
    "#);
    for folder in ["..", "models"] {
        project.write("dbt_project.yml", &format!("name: shop\nprofile: shop\nclean-targets: ['{folder}']\n"));
        assert_eq!(project.output(&["clean"]).status.code(), Some(2), "{folder}");
        assert!(project.path("models/daily_revenue.sql").exists());
    }
}
