"""What an exact run costs, beside the other ways to bring a table up to date.

The data: orders over two years and their customers. Two models: `orders_with_region` (a row an order, joined to its customer) and
`revenue` (a row a day and region: sums and distinct customers over that join). Between two runs a day of new orders arrives, and one order
in a thousand is late, corrected or deleted, most of them young: half are younger than a week.

Four ways, each on a copy of the same database file, each in a process of its own, the best of `--repeat`:

    exact      hw run
    rebuild    create or replace table ... as the whole query
    by hand    one transaction of delete and insert for the days that somebody who knows everything would name
    lookback   dbt's delete+insert by key of the last 30 days; not equal to a rebuild, and the table says so

Then detection alone, for every detector; the same changes on a history of a tenth; and changes scattered over all days, where exact loses.
The figures are CPU seconds, user and system, which depend less on what else the machine does than the clock; ratios within one run of the
script are worth more than the figures. Detection is what `hw plan` costs: finding the changes and mapping them to partitions, nothing else.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb

DAYS = 730
BEGIN = "2024-11-22"
THREADS = 2

QUERIES = {
    "orders_with_region": (
        "created_at",
        "select o.order_id, o.customer_id, o.amount, o.created_at, c.region, c.tier\n"
        "from {orders} as o\nleft join {customers} as c on c.customer_id = o.customer_id",
    ),
    "revenue": (
        "day",
        "select cast(o.created_at as date) as day, c.region, count(*) as orders, sum(o.amount) as revenue,\n"
        "    count(distinct o.customer_id) as customers\n"
        "from {orders} as o\nleft join {customers} as c on c.customer_id = o.customer_id\ngroup by 1, 2",
    ),
}
KEYS = {"orders_with_region": ["order_id"], "revenue": ["day", "region"]}
RAW = {"orders": "raw.orders", "customers": "raw.customers"}


def project(folder, detector):
    """The dbt project of the two models."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(
        "name: bench\nversion: '1.0'\nprofile: bench\nmodels:\n  bench:\n    +materialized: incremental\n    +incremental_strategy: exact\n"
    )
    (folder / "profiles.yml").write_text(
        f"bench:\n  target: dev\n  outputs:\n    dev: {{type: duckdb, path: bench.duckdb, threads: 1, settings: {{threads: {THREADS}}}}}\n"
    )
    # What a detector relies on, and changes() keeps to.
    promise = "" if detector == "fingerprint" else ", commit_order: true, deletes: none, audit: 0"
    (folder / "models/raw.yml").write_text(
        "version: 2\nsources:\n  - name: raw\n    schema: raw\n    tables:\n"
        "      - name: orders\n        loaded_at_field: loaded_at\n"
        f"        config: {{event_time: created_at, meta: {{highwater: {{detect: {detector}{promise}}}}}}}\n"
        "      - name: customers\n"
    )
    for name, (event_time, query) in QUERIES.items():
        text = query.format(orders="{{ source('raw', 'orders') }}", customers="{{ source('raw', 'customers') }}")
        # With a key, row_version can tell one row from another.
        config = f"event_time='{event_time}', batch_size='day', begin='{BEGIN}'"
        (folder / f"models/{name}.sql").write_text(f"{{{{ config({config}) }}}}\n\n{text}\n")


def history(path, orders):
    """Two years of orders, in the order in which they were loaded."""
    connection = connect(path)
    connection.execute(
        f"""
        create schema raw;
        create table raw.customers as
        select n as customer_id, ['north', 'east', 'south', 'west'][n % 4 + 1] as region, ['bronze', 'silver', 'gold'][n % 3 + 1] as tier
        from range({max(orders // 40, 100)}) as numbers(n);
        create table raw.orders as
        select n as order_id, hash(n) % {max(orders // 40, 100)} as customer_id, cast(10 + n * 37 % 9000 / 100 as decimal(12, 2)) as amount,
            timestamp '{BEGIN}' + to_microseconds(cast(n * {DAYS}::hugeint * 86400000000 // {orders} as bigint)) as created_at,
            created_at + interval 5 minutes as loaded_at
        from range({orders}) as numbers(n);
        checkpoint;
        """
    )
    connection.close()


def changes(path, orders, count, scattered=False, detector="fingerprint"):
    """A day of new orders, and `count` orders late, corrected and deleted, as far as a detector's promise allows. Returns the days touched."""
    connection = connect(path)
    day = max(orders // DAYS, 1)
    age = f"random() * {DAYS}" if scattered else "least(-7 / ln(2) * ln(1 - random()), 60)"
    connection.execute(
        f"""
        select setseed(0.5);
        create temp table ages as select n, {age} as days from range({count}) as numbers(n);
        create temp table late as
        select {orders} + {day} + n as order_id, n % 100 as customer_id, cast(50 as decimal(12, 2)) as amount,
            timestamp '{BEGIN}' + to_microseconds(cast(({DAYS} - days) * 86400000000 as bigint)) as created_at,
            timestamp '{BEGIN}' + interval {DAYS} days + interval 1 hour as loaded_at
        from ages where n % 3 = 0;
        create temp table hit as
        select {"n % 3 = 1" if detector == "fingerprint" else "true"} as corrected, cast(floor(({DAYS} - days) / {DAYS} * {orders}) as bigint) as order_id from ages where n % 3 > 0 and {detector != "append_only"};
        """
    )
    touched = connection.execute(
        f"""
        select distinct cast(created_at as date) as day from late
        union select distinct cast(created_at as date) from raw.orders where order_id in (select order_id from hit)
        union select distinct cast(timestamp '{BEGIN}' + interval {DAYS} days as date)
        """
    ).fetchall()
    connection.execute(
        f"""
        begin;
        insert into raw.orders
        select {orders} + n, hash(n) % {max(orders // 40, 100)}, cast(10 + n % 90 as decimal(12, 2)),
            timestamp '{BEGIN}' + interval {DAYS} days + to_microseconds(cast(n * 86400000000 // {day} as bigint)),
            timestamp '{BEGIN}' + interval {DAYS} days + to_microseconds(cast(n * 86400000000 // {day} as bigint)) + interval 5 minutes
        from range({day}) as numbers(n);
        insert into raw.orders select * from late;
        update raw.orders set amount = amount + 1, loaded_at = timestamp '{BEGIN}' + interval {DAYS} days + interval 1 hour
        where order_id in (select order_id from hit where corrected);
        delete from raw.orders where order_id in (select order_id from hit where not corrected);
        commit;
        checkpoint;
        """
    )
    connection.close()
    return sorted(str(row[0]) for row in touched)


def connect(path):
    return duckdb.connect(str(path), config={"threads": THREADS, "memory_limit": "6GB"})


def rebuild(connection, model, days):
    connection.execute(f"create or replace table {model} as {QUERIES[model][1].format(**RAW)}")


def by_hand(connection, model, days):
    column, query = QUERIES[model]
    narrowed = "(select * from raw.orders where cast(created_at as date) in (select day from days))"
    # Whoever writes this by hand knows that days are ranges of the clustered column.
    low, high = days[0], days[-1]
    narrowed = narrowed.replace("where ", f"where created_at >= timestamp '{low}' and created_at < timestamp '{high}' + interval 1 day and ")
    connection.execute("create temp table days(day date)")
    connection.execute(f"insert into days values {', '.join(f'''('{day}')''' for day in days)}")
    connection.execute("begin")
    connection.execute(f"delete from {model} where cast({column} as date) in (select day from days)")
    connection.execute(f"insert into {model} {query.format(orders=narrowed, customers=RAW['customers'])}")
    connection.execute("commit")
    connection.execute("drop table days")


def lookback(connection, model, days):
    column, query = QUERIES[model]
    since = f"(select max({column}) - interval 30 days from {model})"
    narrowed = f"(select * from raw.orders where created_at >= {since})"
    keys = " and ".join(f"t.{key} = n.{key}" for key in KEYS[model])
    connection.execute(f"create temp table news as {query.format(orders=narrowed, customers=RAW['customers'])}")
    connection.execute("begin")
    connection.execute(f"delete from {model} as t using news as n where {keys}")
    connection.execute(f"insert into {model} select * from news")
    connection.execute("commit")
    connection.execute("drop table news")


def spent():
    """CPU seconds of this process and of those it waited for."""
    return sum(os.times()[:4])


def difference(path, model):
    """Rows in which the table differs from a rebuild: only days whose fingerprints differ are compared row by row."""
    connection = connect(path)
    column, query = QUERIES[model][0], QUERIES[model][1].format(**RAW)
    days = f"select cast({column} as date) as day, count(*) as n, sum(hash(t)) as f from {{}} as t group by 1"
    connection.execute(
        f"create temp table differing as select distinct day from "
        f"(({days.format(model)} except {days.format(f'({query})')}) union all ({days.format(f'({query})')} except {days.format(model)}))"
    )
    here = f"select * from {model} where cast({column} as date) in (select day from differing)"
    wanted = f"select * from ({query}) where cast({column} as date) in (select day from differing)"
    row = connection.execute(f"select count(*) from (({here} except all {wanted}) union all ({wanted} except all {here}))").fetchone()
    connection.close()
    return row[0]


class Bench:
    def __init__(self, arguments):
        self.hw, self.work, self.repeat = arguments.hw, Path(arguments.work), arguments.repeat

    def command(self, folder, *words):
        """Runs hw; CPU seconds."""
        started = spent()
        done = subprocess.run([self.hw, *words], cwd=folder, capture_output=True, text=True)
        seconds = spent() - started
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return seconds, done.stdout

    def prepared(self, name, orders, count, detector="fingerprint", scattered=False):
        """A folder with a project and its database: built, then changed."""
        folder = self.work / name
        shutil.rmtree(folder, ignore_errors=True)
        project(folder, detector)
        history(folder / "bench.duckdb", orders)
        first, _ = self.command(folder, "run")
        days = changes(folder / "bench.duckdb", orders, count, scattered, detector)
        return folder, days, first

    def copy(self, folder):
        copy = self.work / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        return copy

    def exact(self, folder, model):
        """Best of some runs: seconds in all, seconds of detection, and what the run says of itself."""
        best = None
        for _ in range(self.repeat):
            copy = self.copy(folder)
            detection, _ = self.command(copy, "plan", "--select", model)
            seconds, _ = self.command(copy, "run", "--select", model)
            results = json.loads((copy / "target/run_results.json").read_text())["results"]
            report = results[0]["adapter_response"]["highwater"]
            if best is None or seconds < best[0]:
                best = (seconds, detection, report)
        wrong = difference(copy / "bench.duckdb", model)
        if wrong:
            sys.exit(f"{model} differs from a rebuild in {wrong} rows")
        return best

    def other(self, folder, model, way, days):
        best = None
        for _ in range(self.repeat):
            copy = self.copy(folder)
            started = spent()
            connection = connect(copy / "bench.duckdb")
            way(connection, model, days)
            connection.execute("checkpoint")
            connection.close()
            seconds = spent() - started
            best = seconds if best is None else min(best, seconds)
        return best, difference(copy / "bench.duckdb", model)

    def table(self, title, orders, count, scattered=False):
        folder, days, _ = self.prepared("base", orders, count, scattered=scattered)
        print(f"\n{title}: {orders:,} orders, {count:,} of them late, corrected or deleted, {len(days)} days touched\n")
        print("| model | exact | of it detection | rebuild | by hand | lookback 30 | rows wrong after lookback | exact / (by hand + detection) | exact / rebuild |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for model in QUERIES:
            seconds, detection, report = self.exact(folder, model)
            whole, _ = self.other(folder, model, rebuild, days)
            hand, wrong = self.other(folder, model, by_hand, days)
            if wrong:
                sys.exit(f"by hand, {model} differs from a rebuild in {wrong} rows: the bench is wrong")
            back, lost = self.other(folder, model, lookback, days)
            print(
                f"| `{model}` | {seconds:.2f} | {detection:.2f} | {whole:.2f} | {hand:.2f} | {back:.2f} | {lost:,} |"
                f" {seconds / (hand + detection):.2f} | {seconds / whole:.2f} | {report['mode']}, {report['dirty_count']} days"
            )
        sys.stdout.flush()

    def detectors(self, orders, count, names):
        print(f"\nDetection alone, {orders:,} orders\n\n| detector | model | detection | rebuild | detection / rebuild |\n| --- | --- | --- | --- | --- |")
        for name in names:
            folder, days, _ = self.prepared("detector", orders, count, detector=name)
            for model in QUERIES:
                _, detection, _ = self.exact(folder, model)
                whole, _ = self.other(folder, model, rebuild, days)
                print(f"| `{name}` | `{model}` | {detection:.3f} | {whole:.2f} | 1/{whole / detection:.0f} |")
                sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hw", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--orders", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--detectors", default="fingerprint", help="names of detectors, with commas between")
    parser.add_argument("--only", default="day,history,scattered,detectors")
    arguments = parser.parse_args()
    bench, orders, parts = Bench(arguments), arguments.orders, arguments.only.split(",")
    os.makedirs(arguments.work, exist_ok=True)
    if "day" in parts:
        bench.table("One day", orders, orders // 1000)
    if "history" in parts:
        bench.table("The same changes on a tenth of the history", orders // 10, orders // 1000)
    if "scattered" in parts:
        bench.table("Changes scattered over all days", orders, orders // 1000, scattered=True)
    if "detectors" in parts:
        bench.detectors(orders, orders // 1000, arguments.detectors.split(","))


if __name__ == "__main__":
    main()
