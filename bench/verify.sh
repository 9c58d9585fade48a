#!/usr/bin/env bash
# `hw verify` of a whole table against one select of the model's query, run by the same engine with its rows thrown away
# (`explain analyze`). The table is up to date, so that every partition is compared and none has to be looked at by row.
#
#     bench/verify.sh            BENCH_ROWS=5000000 orders over two years
export DBT=${DBT:-/bin/true} # no dbt here
source "$(dirname "$0")/lib.sh"

rows=${BENCH_ROWS:-5000000}
shop=$work/verify
rm -rf "$shop"
mkdir -p "$shop/models" "$shop/macros"
cat >"$shop/dbt_project.yml" <<'YAML'
name: shop
version: '1.0'
profile: shop
YAML
cat >"$shop/profiles.yml" <<'YAML'
shop:
  target: dev
  outputs:
    dev: {type: duckdb, path: shop.duckdb, threads: 2}
YAML
cat >"$shop/models/sources.yml" <<'YAML'
sources:
- name: shop
  schema: main
  tables: [{name: raw_orders}, {name: raw_items}, {name: raw_customers}]
YAML
cat >"$shop/models/fct_orders.sql" <<'SQL'
{{ config(materialized='incremental', incremental_strategy='exact', event_time='ordered_at', batch_size='day', unique_key='order_id') }}
select o.order_id, o.customer_id, o.ordered_at, c.region, i.items, i.amount, cast(i.amount * 0.2 as decimal(18,2)) as tax
from {{ source('shop', 'raw_orders') }} as o
left join {{ source('shop', 'raw_customers') }} as c on o.customer_id = c.customer_id
left join (
  select order_id, count(*) as items, cast(sum(price * quantity) as decimal(18,2)) as amount from {{ source('shop', 'raw_items') }} group by order_id
) as i on i.order_id = o.order_id
SQL
cat >"$shop/models/customer_days.sql" <<'SQL'
{{ config(materialized='incremental', incremental_strategy='exact', event_time='day', batch_size='day') }}
select cast(ordered_at as date) as day, customer_id, count(*) as orders, cast(sum(amount) as decimal(18,2)) as amount, max(items) as most
from {{ ref('fct_orders') }}
group by 1, 2
SQL
cat >"$shop/macros/once.sql" <<'SQL'
{% macro setup(rows) %}
{% do run_query("create table raw_orders as select n as order_id, hash(n) % 100000 as customer_id, timestamp '2024-01-01' + to_seconds(cast(n * 63072000.0 / " ~ rows ~ " as bigint)) as ordered_at from range(" ~ rows ~ ") as r(n)") %}
{% do run_query("create table raw_items as select n // 2 as order_id, cast(hash(n) % 9000 / 100 + 1 as decimal(9,2)) as price, hash(n + 1) % 5 + 1 as quantity from range(2 * " ~ rows ~ ") as r(n)") %}
{% do run_query("create table raw_customers as select n as customer_id, 'region ' || n % 12 as region from range(100000) as r(n)") %}
{% endmacro %}
{% macro nothing() %}{% do run_query("select 1") %}{% endmacro %}
{% macro once(model) %}{% do run_query("explain analyze " ~ graph.nodes.values() | selectattr("name", "equalto", model) | map(attribute="raw_code") | first) %}{% endmacro %}
SQL
cd "$shop"
"$hw" run-operation setup --args "{rows: $rows}" >"$work/output" 2>&1 || { cat "$work/output" >&2; exit 1; }
"$hw" run >"$work/output" 2>&1 || { cat "$work/output" >&2; exit 1; }
# The compiled queries, as macros without a template in them.
"$hw" compile >"$work/output" 2>&1
for model in fct_orders customer_days; do
  {
    echo "{% macro select_$model() %}{% set query %}explain analyze"
    cat "target/compiled/shop/models/$model.sql"
    echo "{% endset %}{% do run_query(query) %}{% endmacro %}"
  } >"macros/select_$model.sql"
done
sed -i '/macro once/d' macros/once.sql
nothing=$(median "$hw" run-operation nothing)
echo "| CPU seconds, median of $runs, $rows orders | one select | hw verify | ratio |"
echo "| --- | --- | --- | --- |"
for model in fct_orders customer_days; do
  once=$(median "$hw" run-operation "select_$model")
  verified=$(median "$hw" verify "$model")
  "$hw" verify "$model" | grep -q equal
  awk -v what="$model" -v nothing="$nothing" -v once="$once" -v verified="$verified" \
    'BEGIN { printf "| %s | %.2f | %.2f | %.2f |\n", what, once - nothing, verified - nothing, (verified - nothing) / (once - nothing) }'
done
