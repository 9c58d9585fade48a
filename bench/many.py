"""A project of many small exact models: bench/many.py MODELS FOLDER

Every model sums up the orders of one of a tenth as many sources, 5,000 rows each, by day and region. The folder gets the project, its database,
and beside it `<folder>-dbt`: the same with delete+insert and a window of three days, as dbt projects have it.
"""

import sys
from pathlib import Path

import duckdb

PROJECT = """name: many
version: '1.0'
profile: many
models:
  many:
    +materialized: incremental
    +incremental_strategy: {strategy}
    +event_time: day
    +batch_size: day
"""
PROFILE = """many:
  target: dev
  outputs:
    dev: {type: duckdb, path: many.duckdb, threads: 1}
"""
MODEL = """select cast(date_trunc('day', orders.created_at) as date) as day, customers.region, sum(orders.amount) as amount, count(*) as orders
from {{{{ source('raw', 'orders_{source}') }}}} as orders
join {{{{ source('raw', 'customers') }}}} as customers on customers.id = orders.customer_id
where orders.amount > {at_least}{window}
group by 1, 2
"""
WINDOW = """
{% if is_incremental() %}and orders.created_at >= (select max(day) - interval 3 days from {{ this }}){% endif %}"""


def write(folder, models, strategy, window):
    """The project, and its database."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    project = PROJECT.format(strategy=strategy) + ("    +unique_key: [day, region]\n" if window else "    +begin: '2026-01-01'\n")
    (folder / "dbt_project.yml").write_text(project)
    (folder / "profiles.yml").write_text(PROFILE)
    sources = max(1, models // 10)
    tables = "".join(f"      - name: orders_{at}\n        config: {{event_time: created_at}}\n" for at in range(sources))
    (folder / "models/sources.yml").write_text(
        f"version: 2\nsources:\n  - name: raw\n    schema: main\n    tables:\n      - name: customers\n{tables}"
    )
    for at in range(models):
        text = MODEL.format(source=at % sources, at_least=at % 50, window=window)
        (folder / f"models/daily_{at:04}.sql").write_text(text)
    connection = duckdb.connect(str(folder / "many.duckdb"))
    connection.execute("create table customers as select range as id, 'r' || (range % 5) as region from range(500)")
    for at in range(sources):
        connection.execute(
            f"create table orders_{at} as select range as id, timestamp '2026-01-01' + interval (range * 30) minute as created_at, "
            "range % 500 as customer_id, (range * 7919 % 1000)::decimal(18, 2) as amount from range(5000)"
        )
    connection.close()


count, folder = int(sys.argv[1]), Path(sys.argv[2])
write(folder, count, "exact", "")
write(folder.with_name(folder.name + "-dbt"), count, "delete+insert", WINDOW)
