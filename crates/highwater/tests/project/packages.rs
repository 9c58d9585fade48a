//! Packages: installed ones are read, local ones can be installed.

use highwater::project::packages;

use crate::support::{build, errors, folder, load, options, shown, try_build};

const FILES: &str = "==> packages.yml\npackages:\n  - local: ../shared
==> models/orders.sql\nselect * from {{ ref('calendar') }} join {{ ref('utils', 'calendar') }} using (id) where {{ utils.twice(2) }} = 4
";

const PACKAGE: &str = "==> dbt_packages/utils/dbt_project.yml\nname: utils\nversion: 1.2.0
==> dbt_packages/utils/models/calendar.sql\nselect 1 as id
==> dbt_packages/utils/macros/twice.sql\n{% macro twice(x) %}{{ x * 2 }}{% endmacro %}
";

#[test]
fn packages_bring_nodes_and_macros() {
    let strange = "==> dbt_packages/utils/models/s.yml\nmodel: []\nmodels: [{name: nothing}]\n";
    let (manifest, warnings) = build(&format!("{FILES}{PACKAGE}{strange}"));
    assert_eq!(warnings, "", "what is strange in a package is its author's business");
    let orders = &manifest.nodes["model.shop.orders"];
    assert_eq!(orders.depends_on.nodes, ["model.utils.calendar"]);
    assert_eq!(orders.depends_on.macros, ["macro.utils.twice"]);
    assert_eq!(manifest.nodes["model.utils.calendar"].fqn, ["utils", "calendar"]);
}

#[test]
fn what_a_package_says_of_a_file_goes_to_the_one_that_replaces_it() {
    let files = "==> dbt_project.yml\nname: shop\nprofile: shop\nseeds: {utils: {rates: {+enabled: false}}}
==> packages.yml\npackages:\n  - local: ../shared
==> seeds/rates.csv\nid\n1
==> dbt_packages/utils/seeds/rates.csv\nid\n2
==> dbt_packages/utils/seeds/s.yml
seeds: [{name: rates, config: {column_types: {id: bigint}}, columns: [{name: id, description: the key, data_tests: [unique]}]}]
";
    let (manifest, _) = build(&format!("{files}{PACKAGE}"));
    let rates = &manifest.nodes["seed.shop.rates"];
    assert_eq!(
        (rates.columns["id"].description.as_str(), rates.config.get("column_types")),
        ("the key", Some(&serde_json::json!({"id": "bigint"})))
    );
    let test = manifest.nodes.values().find(|node| node.name == "unique_rates_id").expect("the test");
    assert_eq!(test.depends_on.nodes, ["seed.shop.rates"]);
    let own = "==> seeds/own.yml\nseeds: [{name: rates, description: ours}]\n";
    let (manifest, _) = build(&format!("{files}{PACKAGE}{own}"));
    assert_eq!(manifest.nodes["seed.shop.rates"].description, "ours", "what the project says itself comes first");
}

#[test]
fn a_description_without_a_template_stays_as_it_is_written() {
    let (manifest, _) = build(
        "==> models/a.sql\nselect 1 as id\n==> models/a.yml\nmodels:\n  - name: a\n    description: >\n      two\n      lines\n    columns: [{name: id}]\n",
    );
    assert_eq!(manifest.nodes["model.shop.a"].description, "two lines\n");
}

#[test]
fn what_is_not_installed_is_an_error() {
    insta::assert_snapshot!(errors(FILES), @r"
    error HW0120: the package `../shared` is not installed
      at packages.yml:2:5 `local: ../shared`
      help: run `hw deps`
    ");
    insta::assert_snapshot!(errors("==> packages.yml\npackages:\n  - package: dbt-labs/dbt_utils\n    version: 1.0.0\n  - {git: x}\n  - {what: y}\n"), @r"
    error HW0103: a package must say `local`, `package`, `git` or `tarball`
      at packages.yml:5:5 `{what: y}`
      help: for instance: - local: ../shared_models
    ");
    insta::assert_snapshot!(errors("==> packages.yml\npackages:\n  - package: dbt-labs/dbt_utils\n    version: 1.0.0\n"), @r"
    error HW0120: the package `dbt-labs/dbt_utils` is not installed
      at packages.yml:2:5 `package: dbt-labs/dbt_utils`
      help: run `hw deps`
    ");
}

#[test]
fn packages_that_lie_there_need_not_be_fetched() {
    let utils = "==> packages.yml\npackages: [{package: dbt-labs/utils, version: 1.0.0}]\n";
    let (manifest, _) = build(&format!("{utils}{PACKAGE}"));
    assert!(manifest.nodes.contains_key("model.utils.calendar"));
}

#[test]
fn local_packages_are_copied_with_those_they_ask_for() {
    let outer = folder(
        "==> shared/dbt_project.yml\nname: utils
==> shared/packages.yml\npackages: [{local: ../deeper}]
==> shared/target/old.sql\nnothing
==> shared/macros/twice.sql\n{% macro twice(x) %}{{ x * 2 }}{% endmacro %}
==> shared/models/calendar.sql\nselect 1 as id
==> deeper/dbt_project.yml\nname: deeper
==> shop/dbt_project.yml\nname: shop\nprofile: shop
==> shop/packages.yml\npackages: [{local: ../shared}]
==> shop/models/orders.sql\nselect * from {{ ref('calendar') }} where {{ utils.twice(2) }} = 4
",
    );
    let mut options = options(&outer);
    options.project_dir = outer.path().join("shop");
    for _ in 0..2 {
        let done = packages::install(&options, packages::Steps::default());
        let done = done.unwrap_or_else(|errors| panic!("{}", shown(&errors)));
        let names: Vec<&str> = done.installed.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["utils", "deeper"]);
    }
    assert!(!outer.path().join("shop/dbt_packages/utils/target").exists());
    let (manifest, _) = try_build(&outer, &options).expect("builds");
    assert!(manifest.nodes.contains_key("model.utils.calendar"));
}

#[test]
fn a_local_package_must_be_one() {
    let shop = folder("==> packages.yml\npackages: [{local: nowhere}]\n");
    let errors = packages::install(&options(&shop), packages::Steps::default()).expect_err("no package there");
    let root = std::fs::canonicalize(shop.path()).expect("exists").display().to_string();
    insta::assert_snapshot!(shown(&errors).replace(&root, "[folder]"), @r"
    error HW0122: `nowhere` holds no package
      at packages.yml:1:12 `{local: nowhere}`
      note: there is no dbt_project.yml in [folder]/nowhere
      help: a package is a folder with a dbt_project.yml that has a `name`
    ");
}

#[test]
fn a_name_that_two_packages_have_must_be_qualified() {
    let files = format!(
        "{PACKAGE}==> dbt_packages/more/dbt_project.yml\nname: more\nmodels: {{+schema: more}}\n==> dbt_packages/more/models/calendar.sql\nselect 2 as id\n"
    );
    insta::assert_snapshot!(errors(&format!("{files}==> models/a.sql\nselect * from {{{{ ref('calendar') }}}}\n")), @r"
    error HW0219: `ref('calendar')` could be a node of several packages
      at models/a.sql:1:22 `'calendar'` (ambiguous)
      note: found models/calendar.sql in `more` and models/calendar.sql in `utils`
      help: name the package: ref('more', 'calendar')
    ");
    let (manifest, _) = build(&format!("{files}==> models/a.sql\nselect * from {{{{ ref('more', 'calendar') }}}}\n"));
    assert_eq!(manifest.nodes["model.shop.a"].depends_on.nodes, ["model.more.calendar"]);
}

#[test]
fn two_packages_of_one_name_are_refused() {
    insta::assert_snapshot!(errors("==> dbt_packages/a/dbt_project.yml\nname: utils\n==> dbt_packages/b/dbt_project.yml\nname: utils\n"), @r"
    error HW0122: two packages are called `utils`
      at dbt_packages/b/dbt_project.yml:1:1 (this one)
      at dbt_packages/a/dbt_project.yml:1:1 (and this one)
      help: remove one of them from the packages folder, or rename one
    ");
}

#[test]
fn the_install_path_can_be_named_otherwise() {
    let shop = folder(
        "==> dbt_project.yml\nname: shop\nprofile: shop\npackages-install-path: vendor\n==> vendor/utils/dbt_project.yml\nname: utils\n",
    );
    assert_eq!(load(&shop).packages[0].name, "utils");
}
