"""What a backfill costs, beside the same in plain SQL by hand.

The data: orders over a year, their customers, and two exact models: `fct_orders` (a row an order, joined to its customer) and `daily_revenue` (a row
a day and region over it), with five tests. The prices of 90 days in the middle were wrong, and are corrected in the source.

By hand, by somebody who knows everything: which days, which tables, in which order. Every way ends with the same rows, and works through the
engine that is in `hw`, in one process:

    bare       one transaction: delete the days of both tables, insert them from the models' queries with a filter on the days
    swapped    create a table of the new rows of each model; the five tests' queries on them; create tables of the old rows; one transaction:
               delete the days, insert the new rows
    compared   the same, and afterwards both tables' days summed up by day (count, sum of row hashes) beside the models' queries

Beside them, each a process of its own:

    plan       hw backfill plan
    apply      hw backfill apply --no-verify: canary, staging, audit, swap with the old rows kept
    verified   hw backfill apply: the same, and a comparison with a rebuild

Figures are CPU seconds, user and system, the best of `--repeat`, less what a process costs that does nothing; each on a copy of one database file.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

BEGIN = "2025-01-01"
THREADS = 2

FACTS = """select o.order_id, o.customer_id, o.ordered_at, o.status, o.quantity, cast(o.price * o.quantity as decimal(18, 2)) as amount,
    cast(o.price * o.quantity * 0.2 as decimal(18, 2)) as tax, c.region, c.tier
from {orders} as o
left join {customers} as c on c.customer_id = o.customer_id"""

DAILY = """select cast(ordered_at as date) as day, region, count(*) as orders, cast(sum(amount) as decimal(18, 2)) as revenue,
    count(distinct customer_id) as customers
from {facts}
group by 1, 2"""

TESTS = {
    "fct_orders": [
        "select count(*) from (select order_id from {rows} where order_id is not null group by order_id having count(*) > 1) as failing",
        "select count(*) from {rows} where order_id is null",
        "select count(*) from {rows} where customer_id is null",
        "select count(*) from (select status from {rows} group by status) as found where status not in ('open', 'paid', 'sent')",
    ],
    "daily_revenue": ["select count(*) from {rows} where revenue is null"],
}

SCHEMA = """version: 2
sources:
  - name: raw
    schema: raw
    tables: [{name: orders}, {name: customers}]
models:
  - name: fct_orders
    columns:
      - name: order_id
        data_tests: [unique, not_null]
      - name: customer_id
        data_tests: [not_null]
      - name: status
        data_tests:
          - accepted_values: {arguments: {values: [open, paid, sent]}}
  - name: daily_revenue
    columns:
      - name: revenue
        data_tests: [not_null]
"""


def day(number):
    return f"(date '{BEGIN}' + {number})"


class Shop:
    """The project: `days` of history, `wrong` of them in the middle with `rows` orders in all."""

    def __init__(self, folder, rows, days, wrong):
        self.folder, self.days, self.wrong = folder, days, wrong
        self.orders = rows * days // wrong
        self.first = (days - wrong) // 2
        self.low, self.high = day(self.first), day(self.first + wrong)

    def write(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        (self.folder / "models").mkdir(parents=True)
        (self.folder / "macros").mkdir()
        (self.folder / "dbt_project.yml").write_text(
            "name: shop\nversion: '1.0'\nprofile: shop\nmodels:\n  shop:\n    +materialized: incremental\n    +incremental_strategy: exact\n"
        )
        (self.folder / "profiles.yml").write_text(
            f"shop:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: shop.duckdb, threads: 1, settings: {{threads: {THREADS}}}}}\n"
        )
        (self.folder / "models/schema.yml").write_text(SCHEMA)
        facts = FACTS.format(orders="{{ source('raw', 'orders') }}", customers="{{ source('raw', 'customers') }}")
        daily = DAILY.format(facts="{{ ref('fct_orders') }}")
        config = "{{{{ config(event_time='{}', batch_size='day', unique_key={}) }}}}\n\n"
        (self.folder / "models/fct_orders.sql").write_text(config.format("ordered_at", "'order_id'") + facts + "\n")
        (self.folder / "models/daily_revenue.sql").write_text(config.format("day", "['day', 'region']") + daily + "\n")
        for name, statements in self.ways().items():
            text = "\n".join(f'{{% do run_query("{statement}") %}}' for statement in statements)
            (self.folder / f"macros/{name}.sql").write_text(f"{{% macro {name}() %}}\n{text}\n{{% endmacro %}}\n")

    def ways(self):
        customers = max(self.orders // 40, 1000)
        facts_days = f"ordered_at >= {self.low} and ordered_at < {self.high}"
        daily_days = f"day >= {self.low} and day < {self.high}"
        narrowed = f"(select * from raw.orders where {facts_days})"
        facts = FACTS.format(orders=narrowed, customers="raw.customers")
        daily = DAILY.format(facts=f"(select * from fct_orders where {facts_days})")
        tables = {"fct_orders": facts_days, "daily_revenue": daily_days}
        staged = [
            f"create table new_fct_orders as {facts}",
            "create table new_daily_revenue as " + DAILY.format(facts="new_fct_orders"),
        ]
        tests = [test.format(rows=f"new_{table}") for table, tests in TESTS.items() for test in tests]
        kept = [f"create table old_{table} as select * from {table} where {days}" for table, days in tables.items()]
        swap = ["begin"]
        for table, days in tables.items():
            swap += [f"delete from {table} where {days}", f"insert into {table} select * from new_{table}"]
        swap += ["commit"] + [f"drop table new_{table}" for table in tables]
        sums = "select {day}, count(*), sum(hash(t)) from {rows} as t group by 1"
        compare = []
        for table, days, column, query in (
            ("fct_orders", facts_days, "cast(ordered_at as date)", facts),
            ("daily_revenue", daily_days, "day", daily),
        ):
            here = sums.format(day=column, rows=f"(select * from {table} where {days})")
            there = sums.format(day=column, rows=f"({query})")
            compare.append(f"select count(*) from (({here}) except ({there}))")
        return {
            "nothing": ["select 1"],
            "setup": [
                "create schema raw",
                f"create table raw.customers as select n as customer_id, 'region ' || n % 12 as region, "
                f"['bronze', 'silver', 'gold'][n % 3 + 1] as tier from range({customers}) as numbers(n)",
                f"create table raw.orders as select n as order_id, hash(n) % {customers} as customer_id, "
                f"timestamp '{BEGIN}' + to_microseconds(cast(n * {self.days}::hugeint * 86400000000 // {self.orders} as bigint)) as ordered_at, "
                f"['open', 'paid', 'sent'][cast(hash(n + 1) % 3 + 1 as bigint)] as status, cast(hash(n + 2) % 5 + 1 as integer) as quantity, "
                f"cast(10 + hash(n + 3) % 9000 / 100 as decimal(12, 2)) as price from range({self.orders}) as numbers(n)",
                "checkpoint",
            ],
            "correct": [
                f"create or replace table raw.orders as select * replace (cast(case when {facts_days} then price + 1 else price end as decimal(12, 2)) as price) from raw.orders",
                "checkpoint",
            ],
            "bare": [
                "begin",
                f"delete from fct_orders where {facts_days}",
                f"insert into fct_orders {facts}",
                f"delete from daily_revenue where {daily_days}",
                f"insert into daily_revenue {daily}",
                "commit",
            ],
            "swapped": staged + tests + kept + swap,
            "compared": staged + tests + kept + swap + compare,
        }


class Bench:
    def __init__(self, arguments):
        self.hw, self.work, self.repeat = arguments.hw, Path(arguments.work), arguments.repeat

    def command(self, folder, *words):
        """Runs hw; CPU seconds, most memory in MB, and what it said."""
        with open(self.work / "output", "w+") as output:
            child = subprocess.Popen([self.hw, *words], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read()
        if child.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{said}")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said

    def built(self, name, rows, days, wrong):
        shop = Shop(self.work / name, rows, days, wrong)
        shop.write()
        for words in (["run-operation", "setup"], ["run"], ["run-operation", "correct"]):
            self.command(shop.folder, *words)
        return shop

    def copy(self, shop):
        copy = self.work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(shop.folder, copy)
        return copy

    def plan(self, shop, folder):
        low, high = (f"{stamp}" for stamp in days_of(shop))
        return self.command(folder, "backfill", "plan", "--select", "fct_orders", "--from", low, "--to", high, "--reason", "prices")

    def best(self, measure):
        found = [measure() for _ in range(self.repeat)]
        return min(seconds for seconds, *_ in found), max(memory for _, memory, *_ in found)

    def table(self, rows, days, wrong):
        shop = self.built("base", rows, days, wrong)
        nothing, _ = self.best(lambda: self.command(shop.folder, "run-operation", "nothing"))
        ways = {way: self.best(lambda: self.command(self.copy(shop), "run-operation", way)) for way in ("bare", "swapped", "compared")}
        ways["plan"] = self.best(lambda: self.plan(shop, self.copy(shop)))
        shutil.rmtree(self.work / "planned", ignore_errors=True)
        planned = self.copy(shop).rename(self.work / "planned")
        self.plan(shop, planned)
        for way, words in (("apply", ["--no-verify"]), ("verified", [])):
            ways[way] = self.best(lambda: self.applied(planned, words))
        print(f"\n{rows:,} rows in {wrong} days, of {shop.orders:,} in {days} days; best of {self.repeat}\n")
        print("| | CPU seconds | beside bare | beside swapped | beside compared | MB |")
        print("| --- | --- | --- | --- | --- | --- |")
        own = {way: seconds - nothing for way, (seconds, _) in ways.items()}
        for way, (_, memory) in ways.items():
            beside = " | ".join(f"{own[way] / own[other]:.2f}" for other in ("bare", "swapped", "compared"))
            print(f"| {way} | {own[way]:.2f} | {beside} | {memory:.0f} |")

    def applied(self, planned, words):
        copy = self.work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(planned, copy)
        found = self.command(copy, "backfill", "apply", "latest", *words)
        if "differ:" in found[2]:
            sys.exit(found[2])
        return found

    def memory(self, rows):
        print(f"\n{rows:,} rows, all of them in the backfill\n")
        print("| partitions | apply: CPU seconds | MB |\n| --- | --- | --- |")
        for days in (90, 365, 3650):
            shop = self.built("base", rows, days, days)
            self.plan(shop, shop.folder)
            seconds, memory = self.best(lambda: self.applied(shop.folder, []))
            print(f"| {days} | {seconds:.2f} | {memory:.0f} |")


def days_of(shop):
    from datetime import date, timedelta

    first = date.fromisoformat(BEGIN) + timedelta(days=shop.first)
    return first, first + timedelta(days=shop.wrong)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--hw", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--wrong", type=int, default=90)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--partitions", action="store_true")
    arguments = parser.parse_args()
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    bench = Bench(arguments)
    if arguments.partitions:
        bench.memory(arguments.rows)
    else:
        bench.table(arguments.rows, arguments.days, arguments.wrong)
