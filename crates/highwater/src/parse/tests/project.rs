//! A project that has something of everything.

use std::path::Path;

pub(super) const FILES: &[(&str, &str)] = &[
    (
        "dbt_project.yml",
        "name: shop\nprofile: shop\nversion: '1.0'\nvars: {currency: EUR, days: 3}\nmodels:\n  shop:\n    +materialized: view\n    marts: {+materialized: table, +tags: [mart]}\non-run-end: \"select '{{ target.name }}'\"\n",
    ),
    (
        "profiles.yml",
        "shop:\n  target: dev\n  outputs:\n    dev: {type: duckdb, path: shop.duckdb}\n    prod: {type: duckdb, path: shop.duckdb, schema: prod}\n",
    ),
    ("models/staging/orders.sql", "select * from {{ source('raw', 'orders') }}\n"),
    ("models/staging/customers.sql", "select {{ plain('id') }} from {{ ref('countries') }}\n"),
    (
        "models/staging/payments.sql",
        "{{ config(tags=[var('currency')]) }}\nselect {{ cents('amount') }} from {{ ref('orders') }}\n",
    ),
    (
        "models/marts/sales.sql",
        "{{ config(meta={'place': env_var('HW_TEST_PLACE', 'here')}) }}\nselect * from {{ ref('orders') }} join {{ ref('payments') }} using (id)\n",
    ),
    ("models/marts/days.sql", "{{ config(meta={'unit': unit()}) }}\nselect * from {{ ref('sales') }}\n"),
    (
        "models/marts/odd.sql",
        "{% if utils.is_odd(var('days')) %}select * from {{ ref('sales') }}{% else %}select 1 as id{% endif %}\n",
    ),
    (
        "models/staging/schema.yml",
        "sources:\n  - name: raw\n    tables:\n      - name: orders\n        columns: [{name: id, data_tests: [not_null]}]\nmodels:\n  - name: orders\n    description: Orders.\n    columns: [{name: id, data_tests: [unique, not_null]}]\n  - name: payments\n    columns: [{name: id, data_tests: [unique]}]\n",
    ),
    (
        "models/marts/schema.yml",
        "models:\n  - name: sales\n    description: \"{{ doc('sales') }}\"\n    columns: [{name: id, description: Key., data_tests: [not_null, {accepted_values: {arguments: {values: [1, 2]}}}]}]\n  - name: days\n    description: \"As of {{ var('days') }} days.\"\n",
    ),
    (
        "models/other.yml",
        "exposures:\n  - {name: board, type: dashboard, owner: {email: a@b.c}, depends_on: [ref('sales')]}\nunit_tests:\n  - name: sums\n    model: customers\n    given: [{input: ref('countries'), rows: [{id: 1}]}]\n    expect: {rows: [{id: 1}]}\ngroups:\n  - {name: finance, owner: {name: ada}}\n",
    ),
    ("models/docs.md", "{% docs sales %}All sales.{% enddocs %}\n"),
    ("macros/cents.sql", "{% macro cents(column) %}{{ plain(column) }} * 100{% endmacro %}\n"),
    ("macros/plain.sql", "{% macro plain(column) %}{{ column }}{% endmacro %}\n"),
    ("macros/unit.sql", "{% macro unit() %}{{ return(env_var('HW_TEST_UNIT', 'day')) }}{% endmacro %}\n"),
    ("macros/macros.yml", "macros:\n  - {name: cents, description: In cents.}\n"),
    ("seeds/countries.csv", "id,name\n1,de\n"),
    ("seeds/seeds.yml", "seeds:\n  - {name: countries, config: {tags: [geo]}}\n"),
    ("tests/no_orders.sql", "select * from {{ ref('orders') }} where id < 0\n"),
    ("analyses/look.sql", "select * from {{ ref('sales') }}\n"),
    (
        "snapshots/kept.sql",
        "{% snapshot kept %}{{ config(unique_key='id', strategy='check', check_cols=['id']) }}select * from {{ ref('orders') }}{% endsnapshot %}\n",
    ),
    ("dbt_packages/utils/dbt_project.yml", "name: utils\nversion: '0.1'\n"),
    ("dbt_packages/utils/macros/odd.sql", "{% macro is_odd(number) %}{{ return(number % 2 == 1) }}{% endmacro %}\n"),
    ("dbt_packages/utils/models/numbers.sql", "select 1 as number\n"),
];

/// Writes it into a folder.
pub(super) fn write(folder: &Path) {
    for (path, text) in FILES {
        put(folder, path, text);
    }
}

/// Writes a file, its folders included.
pub(super) fn put(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(path, text).expect("written");
}
