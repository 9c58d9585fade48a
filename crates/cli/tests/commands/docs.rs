//! `hw docs`

use insta::assert_snapshot;

use crate::{SHOP, TestProject};

#[test]
fn the_catalog_says_what_the_database_holds() {
    let project = TestProject::new(SHOP);
    project.ok(&["seed"]);
    assert_snapshot!(project.hw(&["docs", "generate"]), @r#"
    exit 0
    --- stderr
    [CLOCK]  Catalog written to [FOLDER]/target/catalog.json
    "#);
    let catalog: serde_json::Value = serde_json::from_str(&project.read("target/catalog.json")).expect("json");
    let nodes: Vec<&String> = catalog["nodes"].as_object().expect("nodes").keys().collect();
    assert_eq!(nodes, ["seed.shop.raw_orders"], "the model is not built yet");
    assert_snapshot!(catalog["nodes"]["seed.shop.raw_orders"]["columns"]["amount"], @r#"{"type":"DOUBLE","index":2,"name":"amount","comment":null}"#);
    assert_snapshot!(project.hw(&["docs", "serve"]), @r#"
    exit 2
    --- stderr
    nothing was run: Usage Error

    error[HW0004]: `hw docs serve` does not exist yet
      hint: until then: `hw docs generate` writes manifest.json and catalog.json for the site of your choice
    "#);
}
