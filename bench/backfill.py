"""What a backfill costs, beside the same in plain SQL by hand; on DuckDB, or with `--engine postgres`.

The data: orders over some months, their customers, and two exact models: `fct_orders` (a row an order, joined to its customer) and `daily_revenue`
(a row a day and region over it), with five tests. The prices of 90 days in the middle were wrong, and are corrected in the source.

By hand, by somebody who knows everything: which days, which tables, in which order. Every way ends with the same rows. On DuckDB the statements run
through the engine that is in `hw`, in one process; on PostgreSQL in one session, which the server's own figures count.

    bare       one transaction: delete the days of both tables, insert them from the models' queries with a filter on the days
    swapped    create a table of the new rows of each model; the five tests' queries on them; create tables of the old rows; one transaction:
               delete the days, insert the new rows
    compared   the same, and afterwards both tables' days summed up by day (count, sum of row hashes) beside the models' queries

Beside them, each a process of its own:

    plan       hw backfill plan
    apply      hw backfill apply --no-verify: canary, staging, audit, swap with the old rows kept
    verified   hw backfill apply: the same, and a comparison with a rebuild

Figures are CPU seconds, user and system, a server's among them, less what a process costs that does nothing: the median of `--repeat`, and the least
and the most. The ways take turns, each on a copy of one database, so that what else the machine does falls on all of them. The ratios are those of
medians of one run of this script.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from engines import ENGINES

BEGIN = "2025-01-01"
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

    def __init__(self, engine, folder, rows, days, wrong):
        self.engine, self.folder, self.days, self.wrong = engine, folder, days, wrong
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
        (self.folder / "profiles.yml").write_text(f"shop:\n  target: dev\n  outputs:\n    dev: {self.engine.profile()}\n")
        (self.folder / "models/schema.yml").write_text(SCHEMA)
        facts = FACTS.format(orders="{{ source('raw', 'orders') }}", customers="{{ source('raw', 'customers') }}")
        daily = DAILY.format(facts="{{ ref('fct_orders') }}")
        config = "{{{{ config(event_time='{0}', batch_size='day', unique_key={1}, indexes={2}) }}}}\n\n"
        for name, column, key, query in (("fct_orders", "ordered_at", "'order_id'", facts), ("daily_revenue", "day", "['day', 'region']", daily)):
            text = config.format(column, key, self.engine.indexes(column)) + query
            (self.folder / f"models/{name}.sql").write_text(text + "\n")
        for name, statements in {"nothing": ["select 1"], **self.ways()}.items():
            text = "\n".join(f'{{% do run_query("{statement}") %}}' for statement in statements)
            (self.folder / f"macros/{name}.sql").write_text(f"{{% macro {name}() %}}\n{text}\n{{% endmacro %}}\n")

    def sources(self):
        """What is there before the first run."""
        customers = max(self.orders // 40, 1000)
        numbers = lambda count: f"(select cast(n as bigint) as n from {self.engine.numbers(count)}) as made"
        moment = f"timestamp '{BEGIN}' + cast(cast(n as double precision) * {self.days} / {self.orders} as double precision) * interval '1 day'"
        return [
            "create schema raw",
            "create table raw.customers as select n as customer_id, 'region ' || cast(n % 12 as varchar) as region, "
            f"(array['bronze', 'silver', 'gold'])[n % 3 + 1] as tier from {numbers(customers)}",
            f"create table raw.orders as select n as order_id, n * 2654435761 % {customers} as customer_id, {moment} as ordered_at, "
            "(array['open', 'paid', 'sent'])[n * 7919 % 3 + 1] as status, cast(n * 31 % 5 + 1 as integer) as quantity, "
            f"cast(10 + n * 37 % 9000 / 100.0 as decimal(12, 2)) as price from {numbers(self.orders)}",
            self.engine.index("raw.orders", "ordered_at"),
        ]

    def correction(self):
        """The prices of the days in the middle go up."""
        return f"update raw.orders set price = price + 1 where ordered_at >= {self.low} and ordered_at < {self.high}"

    def ways(self):
        """Statements by hand."""
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
        sums = "select {day}, count(*), sum(" + self.engine.hash_of("t") + ") from {rows} as t group by 1"
        compare = []
        for table, days, column, query in (
            ("fct_orders", facts_days, "cast(ordered_at as date)", facts),
            ("daily_revenue", daily_days, "day", daily),
        ):
            here = sums.format(day=column, rows=f"(select * from {table} where {days})")
            there = sums.format(day=column, rows=f"({query})")
            compare.append(f"select count(*) from (({here}) except ({there})) as different")
        return {
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
    def __init__(self, arguments, engine):
        self.hw, self.work, self.repeat, self.engine = arguments.hw, Path(arguments.work), arguments.repeat, engine

    def command(self, folder, *words):
        """Runs hw; CPU seconds, most memory in MB, and what it said."""
        before = self.engine.spent()
        with open(self.work / "output", "w+") as output:
            child = subprocess.Popen([self.hw, *words], cwd=folder, stdout=output, stderr=subprocess.STDOUT)
            _, status, usage = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            output.seek(0)
            said = output.read()
        if child.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{said}")
        return self.engine.spent() - before, usage.ru_maxrss / 1024, said

    def by_hand(self, shop, way):
        """Runs the statements of a way: through hw where the engine is in it, else in a session."""
        if self.engine.name == "DuckDB":
            return self.command(shop.folder, "run-operation", way)
        before = self.engine.spent()
        session = self.engine.connect()
        for statement in shop.ways()[way]:
            session.execute(statement)
        session.close()
        return self.engine.spent() - before, 0, ""

    def built(self, name, rows, days, wrong):
        shop = Shop(self.engine, self.work / name, rows, days, wrong)
        shop.write()
        self.engine.create()
        session = self.engine.connect()
        for statement in filter(None, shop.sources()):
            session.execute(statement)
        self.engine.settle(session)
        session.close()
        self.command(shop.folder, "run")
        session = self.engine.connect()
        session.execute(shop.correction())
        self.engine.settle(session)
        session.close()
        return shop

    def plan(self, shop):
        low, high = (f"{stamp}" for stamp in days_of(shop))
        return self.command(shop.folder, "backfill", "plan", "--select", "fct_orders", "--from", low, "--to", high, "--reason", "prices")

    def applied(self, shop, words):
        found = self.command(shop.folder, "backfill", "apply", "latest", *words)
        if "differ:" in found[2]:
            sys.exit(found[2])
        return found

    def table(self, rows, days, wrong):
        shop = self.built("base", rows, days, wrong)
        took = {way: [] for way in ("bare", "swapped", "compared", "plan", "apply", "verified")}
        memory = dict.fromkeys(took, 0)
        nothing = median(self.command(shop.folder, "run-operation", "nothing")[0] for _ in range(5))

        def note(way, found):
            took[way].append(found[0] - (nothing if found[1] else 0))
            memory[way] = max(memory[way], found[1])

        self.engine.keep()
        for turn in range(self.repeat):
            for way in ("bare", "swapped", "compared"):
                self.engine.restore()
                note(way, self.by_hand(shop, way))
            self.engine.restore()
            note("plan", self.plan(shop))
            note("apply", self.applied(shop, ["--no-verify"]))
            self.engine.restore()
            self.plan(shop)
            note("verified", self.applied(shop, []))
            print(f"turn {turn + 1}: " + ", ".join(f"{way} {seconds[-1]:.2f}" for way, seconds in took.items()), file=sys.stderr, flush=True)
        print(f"\n{self.engine.name}: {rows:,} rows in {wrong} days, of {shop.orders:,} in {days} days; median of {self.repeat} (least to most)\n")
        print("| | CPU seconds | beside bare | beside swapped | beside compared | MB |")
        print("| --- | --- | --- | --- | --- | --- |")
        middle = {way: median(seconds) for way, seconds in took.items()}
        for way, seconds in took.items():
            beside = " | ".join(f"{middle[way] / middle[other]:.2f}" for other in ("bare", "swapped", "compared"))
            spread = f"{middle[way]:.2f} ({min(seconds):.2f} to {max(seconds):.2f})"
            held = f"{memory[way]:.0f}" if memory[way] else ""
            print(f"| {way} | {spread} | {beside} | {held} |")

    def memory(self, rows):
        print(f"\n{self.engine.name}: {rows:,} rows, all of them in the backfill; most memory of two\n")
        print("| partitions | apply: CPU seconds | MB | verify: CPU seconds | MB |\n| --- | --- | --- | --- | --- |")
        for days in (90, 365, 3650):
            shop = self.built("base", rows, days, days)
            self.plan(shop)
            self.engine.keep()
            applied, verified = [], []
            for _ in range(2):
                self.engine.restore()
                applied.append(self.applied(shop, ["--no-verify"]))
                verified.append(self.command(shop.folder, "verify", "fct_orders"))
            cells = [f"{min(found[0] for found in ways):.2f} | {max(found[1] for found in ways):.0f}" for ways in (applied, verified)]
            print(f"| {days} | {' | '.join(cells)} |", flush=True)


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
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--engine", choices=sorted(ENGINES), default="duckdb")
    parser.add_argument("--partitions", action="store_true")
    arguments = parser.parse_args()
    Path(arguments.work).mkdir(parents=True, exist_ok=True)
    engine = ENGINES[arguments.engine](Path(arguments.work))
    try:
        bench = Bench(arguments, engine)
        if arguments.partitions:
            bench.memory(arguments.rows)
        else:
            bench.table(arguments.rows, arguments.days, arguments.wrong)
    finally:
        engine.stop()
