//! Properties files that cannot be read, or say what has no effect.

use crate::support::{build, errors};

fn properties(text: &str) -> String {
    format!("==> models/orders.sql\nselect 1 as id\n==> models/schema.yml\n{text}")
}

#[test]
fn broken_yaml_is_shown_at_its_line() {
    insta::assert_snapshot!(errors(&properties("models:\n  - name: orders\n   columns: []\n")), @r"
    error HW0102: models/schema.yml is not valid YAML: while parsing a block collection, did not find expected '-' indicator
      at models/schema.yml:3:4
      help: check the indentation and the quotes around this place
    ");
    insta::assert_snapshot!(errors(&properties("models:\n  - name: orders\n    description: {{ doc('x') }}\n")), @r#"
    error HW0102: models/schema.yml is not valid YAML: this value begins with {{ and stands in no quotes
      at models/schema.yml:3:19 `{`
      help: put quotes around it: "{{ ... }}"
    "#);
    insta::assert_snapshot!(errors(&properties("models:\n  - name: \"orders\n")), @r"
    error HW0102: models/schema.yml is not valid YAML: unclosed quote
      at models/schema.yml:2:11
      help: check the indentation and the quotes around this place
    ");
    insta::assert_snapshot!(errors(&properties("models:\n\t- name: orders\n")), @r"
    error HW0102: models/schema.yml is not valid YAML: this line begins with a tab
      at models/schema.yml:2:2
      help: indent with spaces
    ");
    insta::assert_snapshot!(errors(&properties("models:\n  - name: orders\n    description: a: b\n")), @r"
    error HW0102: models/schema.yml is not valid YAML: there is a second `: ` in this value
      at models/schema.yml:3:19
      help: put quotes around the value
    ");
}

#[test]
fn wrong_shapes_are_refused() {
    insta::assert_snapshot!(errors(&properties("models: {name: orders}\nseeds: [a]\nsources: [{tables: []}]\n")), @r"
    error HW0103: `models` must be a list, not a mapping
      at models/schema.yml:1:9 `{name: orders}`
      help: begin each entry with `- name: ...`
    error HW0103: an entry of `seeds` must be a mapping, not text
      at models/schema.yml:2:9 `a`
      help: write it as `- name: ...`
    error HW0103: an entry of `sources` has no `name`
      at models/schema.yml:3:11 `{tables: []}`
      help: add `name:`
    ");
    insta::assert_snapshot!(errors(&properties("- models\n")), @r"
    error HW0103: a properties file must be a mapping, not a list
      at models/schema.yml:1:1 `- models`
      help: begin with `models:` or another list
    ");
    insta::assert_snapshot!(errors(&properties("models: [{name: orders, meta: {a: 1}, config: {meta: {b: 2}}, columns: [{type: x}]}]\n")), @r"
    error HW0103: `meta` stands both beside and inside `config:`
      at models/schema.yml:1:25 `meta`
      help: keep the one inside `config:`
    ");
}

#[test]
fn names_that_yaml_takes_for_true_or_false_are_refused() {
    let text = "models: [{name: off}]\nunit_tests: [{name: sums, model: On, given: [], expect: {rows: []}}]\n";
    insta::assert_snapshot!(errors(&properties(text)), @r"
    error HW0103: `name: off` is no name: YAML reads it as false
      at models/schema.yml:1:17 `off`
      help: put it in quotes: `name: 'off'`
    ");
    let text = "unit_tests: [{name: sums, model: On, given: [], expect: {rows: []}}]\n";
    insta::assert_snapshot!(errors(&properties(text)), @r"
    error HW0103: `model: On` is no name: YAML reads it as true
      at models/schema.yml:1:34 `On`
      help: put it in quotes: `model: 'On'`
    ");
}

#[test]
fn what_has_no_effect_is_said() {
    let (_, warnings) = build(&properties(
        "version: 2\nmodel: []\nmodels:\n  - name: orders\n    tags: [a]\n  - name: order\n  - name: raw\nseeds: [{name: orders}]\nmacros: [{name: nothing}]\nsemantic_models: [{name: x}]\n==> seeds/raw.csv\nid\n1\n",
    ));
    insta::assert_snapshot!(warnings, @r"
    warning HW0106: `model` means nothing here and has no effect
      at models/schema.yml:2:1 `model`
      help: did you mean `models`?
    warning HW0106: `tags` has no effect beside `config:`
      at models/schema.yml:5:5 `tags`
      help: move it inside: config: {tags: ...}
    warning HW0203: there is no macro `nothing`: this entry has no effect
      at models/schema.yml:9:17 `nothing`
      help: correct the name, or remove the entry
    warning HW0203: there is no model `order`: this entry has no effect
      at models/schema.yml:6:11 `order`
      help: did you mean `orders`?
    warning HW0203: `raw` is a seed, not a model: this entry has no effect
      at models/schema.yml:7:11 `raw`
      help: move it to the list `seeds:`
    warning HW0203: `orders` is a model, not a seed: this entry has no effect
      at models/schema.yml:8:16 `orders`
      help: move it to the list `models:`
    ");
}

#[test]
fn a_node_is_described_once() {
    insta::assert_snapshot!(errors(&properties("models:\n  - name: orders\n  - name: orders\n")), @r"
    error HW0204: `orders` is described twice
      at models/schema.yml:3:11 `orders`
      at models/schema.yml:2:11 `orders` (described here already)
      help: put everything into one entry
    ");
}

#[test]
fn values_that_cannot_be_rendered_are_pointed_at() {
    insta::assert_snapshot!(errors(&properties("models:\n  - name: orders\n    config: {schema: \"{{ var('nope') }}\"}\n    description: \"{{ doc('nope') }}\"\n")), @r#"
    error HW0105: cannot render `{{ var('nope') }}`: the variable 'nope' is not set
      at models/schema.yml:3:22 `"{{ var('nope') }}"`
      help: pass it with --vars '{name: value}', set it under `vars:` in dbt_project.yml, or give a default: var('name', 'default')
    "#);
}

#[test]
fn docs_blocks_fill_descriptions() {
    let (manifest, _) = build(&properties(
        "models:\n  - name: orders\n    description: \"All. {{ doc('id') }}\"\n    columns: [{name: id, description: \"{{ doc('shop', 'id') }}\", data_type: int}]\n==> models/docs.md\n# Page\n{% docs id %}\nThe key.\n{% enddocs %}\n",
    ));
    let orders = &manifest.nodes["model.shop.orders"];
    assert_eq!(orders.description, "All. The key.");
    assert_eq!(orders.columns["id"].description, "The key.");
    assert_eq!(orders.columns["id"].data_type.as_deref(), Some("int"));
}

#[test]
fn a_page_whose_docs_blocks_cannot_be_read_is_an_error() {
    insta::assert_snapshot!(errors("==> models/a.md\n{% docs a %}open\n{% enddocs\n==> models/b.md\nHow to: {% write\n"), @r"
    error HW0224: cannot read the docs blocks of this page: tag is never closed: missing '%}'
      at models/a.md:2:1 `{`
      help: a block stands between {% docs name %} and {% enddocs %}
    ");
}

#[test]
fn a_template_that_does_not_parse_is_an_error_at_its_place() {
    let shown = errors("==> models/a.sql\nselect 1\nfrom {{ ref('a' }}\n");
    assert!(shown.contains("models/a.sql:2:"), "{shown}");
}
