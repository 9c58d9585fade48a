//! `hw parse`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn writes_the_manifest() {
    let project = TestProject::new(SHOP);
    assert_snapshot!(project.hw(&["parse"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  shop holds together: 1 model, 1 seed, 2 tests
    "#);
    let manifest: serde_json::Value = serde_json::from_str(&project.read("target/manifest.json")).expect("json");
    assert!(manifest["nodes"]["model.shop.daily_revenue"].is_object());
}

#[test]
fn writes_nothing_when_told_not_to() {
    let project = TestProject::new(SHOP);
    project.ok(&["parse", "--no-write-json"]);
    assert!(!project.path("target/manifest.json").exists());
}
