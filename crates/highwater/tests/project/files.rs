//! `dbt_project.yml`, `profiles.yml` and what lies in the folders.

use highwater::project::{self, FileKind};
use serde_json::json;

use crate::support::{errors, folder, load, options, shown, try_build};

#[test]
fn files_are_found_by_folder_and_extension() {
    let folder = folder(
        "==> models/orders.sql\nselect 1
==> models/staging/stg.sql\nselect 1
==> models/staging/.hidden.sql\nselect 1
==> models/staging/notes.txt\nno
==> models/schema.yml\nversion: 2
==> models/docs.md\n{% docs a %}b{% enddocs %}
==> seeds/raw.csv\na\n1
==> macros/m.sql\n{% macro m() %}{% endmacro %}
==> tests/singular.sql\nselect 1
==> tests/generic/even.sql\n{% test even(model) %}{% endtest %}
==> snapshots/s.sql\n{% snapshot s %}{% endsnapshot %}
==> analyses/a.sql\nselect 1
",
    );
    let project = load(&folder);
    let files: Vec<String> =
        project.files.iter().map(|file| format!("{:?} {} ({})", file.kind, file.path, file.inner_path)).collect();
    insta::assert_snapshot!(files.join("\n"), @r"
    Macro macros/m.sql (m.sql)
    GenericTest tests/generic/even.sql (even.sql)
    Model models/orders.sql (orders.sql)
    Model models/staging/stg.sql (staging/stg.sql)
    Snapshot snapshots/s.sql (s.sql)
    Analysis analyses/a.sql (a.sql)
    SingularTest tests/singular.sql (singular.sql)
    Seed seeds/raw.csv (raw.csv)
    Docs models/docs.md (docs.md)
    Properties models/schema.yml (schema.yml)
    ");
    let seed = project.files_of(FileKind::Seed).next().expect("a seed");
    assert_eq!(seed.source.text, "", "seeds are read when they are loaded");
    // sha256 of "a\n1", the white space around it apart.
    insta::assert_snapshot!(seed.checksum, @"4f395a2e9ea1c0680348d384135458270e9e6f5af3576151fec246b7b6de98e6");
}

#[test]
fn folders_can_be_named_otherwise() {
    let folder = folder(
        "==> dbt_project.yml\nname: shop\nprofile: shop\nmodel-paths: [sql, ./more/]\nseed-paths: data
==> sql/a.sql\nselect 1
==> more/deep/b.sql\nselect 1
==> data/c.csv\na\n1
==> models/not_read.sql\nselect 1
",
    );
    let project = load(&folder);
    let files: Vec<&str> = project.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["sql/a.sql", "more/deep/b.sql", "data/c.csv"]);
}

#[test]
fn the_target_is_read_with_its_settings_and_attached_databases() {
    let folder = folder(
        r#"==> profiles.yml
shop:
  target: "{{ env_var('HW_TEST_NO_SUCH_VARIABLE', 'dev') }}"
  outputs:
    dev:
      type: duckdb
      path: "data/shop.v2.duckdb"
      schema: "{{ var('schema', 'analytics') }}"
      threads: "3"
      extensions: [icu, json]
      settings: {memory_limit: 1GB, threads: 2}
      attach: [{path: other.duckdb, alias: other, read_only: false}]
      secrets:
        - {type: http, name: ours, bearer_token: it's, scope: ['https://one.example', 'https://two.example']}
        - {type: http, extra_http_headers: {X-Key: '7'}}
    prod: {type: duckdb, path: ":memory:"}
"#,
    );
    let mut options = options(&folder);
    options.vars.insert("schema".to_owned(), json!("mine"));
    let project = project::load(&options).expect("loads");
    let target = &project.target;
    assert_eq!((target.name.as_str(), target.schema.as_str(), target.threads), ("dev", "mine", 3));
    assert_eq!(target.database, "shop");
    let root = std::fs::canonicalize(folder.path()).expect("exists");
    let project::Place::DuckDb { path, prologue } = &target.place else { panic!("{target:?}") };
    assert_eq!(path, &root.join("data/shop.v2.duckdb"));
    insta::assert_snapshot!(prologue.replace(&root.display().to_string(), "[folder]"), @r#"
    load "icu";
    load "json";
    create or replace secret "ours" (type http, bearer_token 'it''s', scope ['https://one.example', 'https://two.example']);
    create or replace secret "_dbt_secret_2" (type http, extra_http_headers map {'X-Key': '7'});
    attach if not exists '[folder]/other.duckdb' as "other";
    set memory_limit = '1GB';
    set threads = 2;
    "#);

    let mut connection = target.open().expect("opens, folder made").connect().expect("connects");
    let names = connection
        .query("select database_name, current_setting('threads') from duckdb_databases() where not internal order by 1")
        .expect("queries");
    insta::assert_snapshot!(format!("{:?}", names.rows), @r#"[[Text("other"), Integer(2)], [Text("shop"), Integer(2)]]"#);
    let secrets = connection.query("select name, type from duckdb_secrets() order by name").expect("queries");
    insta::assert_snapshot!(format!("{:?}", secrets.rows), @r#"[[Text("_dbt_secret_2"), Text("http")], [Text("ours"), Text("http")]]"#);
    // A second session finds the database attached already.
    target.open().expect("opens").connect().expect("connects");

    let memory = project::load(&project::LoadOptions { target: Some("prod".to_owned()), ..options }).expect("loads");
    assert_eq!((memory.target.database.as_str(), memory.target.threads), ("memory", 1));
}

#[test]
fn filesystems_of_python_are_refused() {
    let folder = folder(
        "==> profiles.yml\nshop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:', filesystems: [{fs: s3}]}\n",
    );
    let shown = try_build(&folder, &options(&folder)).expect_err("refused");
    assert!(shown.contains("HW0112") && shown.contains("httpfs"), "{shown}");
}

#[test]
fn plugins_of_python_are_refused_with_what_to_write_instead() {
    let folder = folder(
        "==> profiles.yml\nshop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: ':memory:', plugins: [{module: excel}]}\n",
    );
    let shown = try_build(&folder, &options(&folder)).expect_err("refused");
    assert!(shown.contains("HW0112") && shown.contains("read_xlsx"), "{shown}");
}

#[test]
fn files_that_the_project_ignores_are_no_part_of_it() {
    let folder = folder(
        "==> .dbtignore\n# drafts and the like\n*.draft.sql\n/models/old/\nmodels/**/b?.sql\n!models/deep/er/be.sql\n\
         ==> models/a.sql\nselect 1\n==> models/a.draft.sql\nselect 1\n==> models/old/x.sql\nselect 1\n\
         ==> models/deep/er/ba.sql\nselect 1\n==> models/deep/er/be.sql\nselect 1\n==> models/deep/old/y.sql\nselect 1\n",
    );
    let project = load(&folder);
    let files: Vec<&str> = project.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["models/a.sql", "models/deep/er/be.sql", "models/deep/old/y.sql"]);
}

#[test]
fn a_missing_profile_says_where_it_was_looked_for() {
    let folder = folder("");
    std::fs::remove_file(folder.path().join("profiles.yml")).expect("removed");
    let shown = try_build(&folder, &options(&folder)).expect_err("no profile");
    insta::assert_snapshot!(shown, @r"
    error HW0110: no profiles.yml found for the profile `shop`
      note: dbt looked for a profiles.yml file in [folder], and so did hw
      note: looked for [folder]/profiles.yml
      help: put this into profiles.yml beside dbt_project.yml:

    shop:
      target: dev
      outputs:
        dev:
          type: duckdb
          path: shop.duckdb
          threads: 4
    ");
}

#[test]
fn a_profile_of_another_name_is_offered() {
    insta::assert_snapshot!(errors("==> dbt_project.yml\nname: shop\nprofile: shopp\n"), @r"
    error HW0110: profiles.yml has no profile `shopp`
      note: Could not find profile named 'shopp'
      note: it has `shop`
      help: did you mean `shop`? (`profile:` in dbt_project.yml, or --profile)
    ");
    insta::assert_snapshot!(errors("==> dbt_project.yml\nname: shop\nprofile: warehouse\n"), @r"
    error HW0110: profiles.yml has no profile `warehouse`
      note: Could not find profile named 'warehouse'
      note: it has `shop`
      help: put this into profiles.yml beside dbt_project.yml:

    warehouse:
      target: dev
      outputs:
        dev:
          type: duckdb
          path: warehouse.duckdb
          threads: 4
    ");
    insta::assert_snapshot!(errors("==> dbt_project.yml\nname: shop\n"), @r"
    error HW0104: dbt_project.yml does not say `profile:`
      help: add `profile:` with the name of a profile in profiles.yml, or pass --profile
    ");
}

#[test]
fn targets_that_cannot_be_used_are_refused() {
    insta::assert_snapshot!(errors("==> profiles.yml\nshop:\n  target: prd\n  outputs:\n    prod: {type: duckdb}\n"), @r"
    error HW0111: the profile `shop` has no target `prd`
      at profiles.yml:2:11 `prd`
      note: The profile 'shop' does not have a target named 'prd'.
      help: did you mean `prod`?
    ");
    insta::assert_snapshot!(errors("==> profiles.yml\nshop:\n  target: a\n  outputs:\n    a:\n      type: snowflake\n      account: x\n"), @r"
    error HW0112: `type: snowflake` is not supported
      at profiles.yml:5:13 `snowflake`
      note: supported: duckdb, postgres
      help: write a target like
      type: duckdb
      path: warehouse.duckdb
      threads: 4
    ");
    insta::assert_snapshot!(errors("==> profiles.yml\nshop:\n  target: a\n  outputs:\n    a: {type: duckdb, path: 'md:shop'}\n"), @r"
    error HW0112: `md:shop` is not supported: only DuckDB files are
      at profiles.yml:4:29 `'md:shop'`
      help: give `path` the name of a local file, for instance `path: warehouse.duckdb`
    ");
    insta::assert_snapshot!(errors("==> profiles.yml\nshop:\n  target: a\n  outputs:\n    a: {type: duckdb, threads: many}\n"), @r"
    error HW0113: `threads` must be a whole number, for instance 4
      at profiles.yml:4:32 `many`
      help: correct `threads` in profiles.yml
    ");
    insta::assert_snapshot!(errors("==> profiles.yml\nshop:\n  target: a\n"), @r"
    error HW0113: the profile `shop` has no `outputs:`
      at profiles.yml:2:3 `target: a`
      help: put this into profiles.yml beside dbt_project.yml:

    shop:
      target: dev
      outputs:
        dev:
          type: duckdb
          path: shop.duckdb
          threads: 4
    ");
}

#[test]
fn a_file_that_is_no_database_is_refused() {
    let folder = folder("==> shop.duckdb\nthis is no database, whatever its name says\n");
    let project = load(&folder);
    let error = project.target.open().err().expect("no database");
    assert_eq!(error.code, "HW0130");
}

#[test]
fn vars_come_from_the_command_line_then_the_project_then_the_package() {
    let folder = folder(
        "==> dbt_project.yml\nname: shop\nprofile: shop\nvars: {a: project, b: project, utils: {b: for utils, c: for utils}}
==> dbt_packages/utils/dbt_project.yml\nname: utils\nvars: {a: utils, c: utils, d: utils, utils: {e: scoped}}
",
    );
    let mut options = options(&folder);
    options.vars.insert("z".to_owned(), json!("cli"));
    let project = project::load(&options).expect("loads");
    let all = |package: &str| {
        ["a", "b", "c", "d", "e", "z"]
            .map(|name| {
                format!("{name}={}", project.var(package, name).and_then(|value| value.as_str()).unwrap_or("-"))
            })
            .join(" ")
    };
    insta::assert_snapshot!(all("shop"), @"a=project b=project c=- d=- e=- z=cli");
    insta::assert_snapshot!(all("utils"), @"a=project b=for utils c=for utils d=utils e=scoped z=cli");
    for package in ["shop", "utils"] {
        let merged = project.vars_for(package);
        for name in ["a", "b", "c", "d", "e", "z"] {
            assert_eq!(merged.get(name), project.var(package, name), "{package} {name}");
        }
    }
}

#[test]
fn jinja_in_the_project_file_is_rendered_except_where_it_runs_later() {
    let folder = folder(
        r#"==> dbt_project.yml
name: shop
profile: "{{ var('profile', 'shop') }}"
vars: {x: "{{ not rendered }}"}
models:
  +schema: "{{ target.schema }}_x"
  +enabled: "{{ target.name == 'dev' }}"
  +lookback: "{{ '3' | as_number }}"
  +full_refresh: "{{ env_var('HW_TEST_NO_SUCH_VARIABLE', 'False') | as_bool }}"
  +post-hook: "grant select on {{ this }} to bi"
on-run-start: "{{ log('hi') }}"
"#,
    );
    let project = load(&folder);
    insta::assert_snapshot!(project.configs.models, @r#"{"+schema":"main_x","+enabled":true,"+lookback":3,"+full_refresh":false,"+post-hook":"grant select on {{ this }} to bi"}"#);
    assert_eq!(project.on_run_start, ["{{ log('hi') }}"]);
    assert_eq!(project.vars["x"], json!("{{ not rendered }}"));
}

#[test]
fn a_project_is_found_from_below() {
    let folder = folder("==> models/deep/a.sql\nselect 1\n");
    let mut options = options(&folder);
    options.project_dir = folder.path().join("models/deep");
    let project = project::load(&options).expect("loads");
    assert_eq!(project.root, std::fs::canonicalize(folder.path()).expect("exists"));
}

#[test]
fn slips_in_the_project_file_are_pointed_at() {
    insta::assert_snapshot!(errors("==> dbt_project.yml\nname: shop\nprofile: {{ shop }}\n"), @r#"
    error HW0102: dbt_project.yml is not valid YAML: this value begins with {{ and stands in no quotes
      at dbt_project.yml:2:11 `{`
      help: put quotes around it: "{{ ... }}"
    "#);
    insta::assert_snapshot!(errors("==> dbt_project.yml\nname: my shop\nprofile: shop\nvars: [a]\nmodels: 3\n"), @r"
    error HW0104: `my shop` is no name for a project
      at dbt_project.yml:1:7 `my shop`
      help: use letters, digits and underscores, beginning with a letter
    error HW0103: `vars` must be a mapping, not a list
      at dbt_project.yml:3:7 `[a]`
      help: write it as `name: value` lines
    error HW0103: `models` must be a mapping, not a number
      at dbt_project.yml:4:9 `3`
      help: write it as `name: value` lines
    ");
    insta::assert_snapshot!(errors("==> dbt_project.yml\nname: shop\nprofile: \"{{ env_var('HW_TEST_NO_SUCH_VARIABLE') }}\"\n"), @r#"
    error HW0105: cannot render `{{ env_var('HW_TEST_NO_SUCH_VARIABLE') }}`: the environment variable HW_TEST_NO_SUCH_VARIABLE is not set
      at dbt_project.yml:2:10 `"{{ env_var('HW_TEST_NO_SUCH_VARIABLE') }}"`
      help: set the variable, or give a default: env_var('NAME', 'default')
    "#);
    let folder = folder("==> dbt_project.yml\nname: shop\nprofile: shop\nmodel_paths: [sql]\nseed-paths: [daten]\n");
    insta::assert_snapshot!(shown(&load(&folder).warnings), @r"
    warning HW0106: `model_paths` is no key of dbt_project.yml and has no effect
      at dbt_project.yml:3:1 `model_paths`
      help: did you mean `model-paths`?
    warning HW0109: dbt_project.yml names the folder `daten`, which does not exist
      at dbt_project.yml:4:14 `daten`
      help: make the folder, or remove it from the paths
    ");
    let nowhere = tempfile::tempdir().expect("a folder");
    let error = project::load(&options(&nowhere)).expect_err("no project");
    assert_eq!(error[0].code, "HW0101");
}
