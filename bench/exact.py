"""What an exact run costs, beside the other ways to bring a table up to date.

The data: orders over two years and their customers. Two models: `orders_with_region` (a row an order, joined to its customer) and
`revenue` (a row a day and region: sums and distinct customers over that join). Between two runs a day of new orders arrives, and one order
in a thousand is late, corrected or deleted, most of them young: half are younger than a week.

Four ways, each on a copy of the same database, the best of `--repeat`:

    exact      hw run
    rebuild    a new table of the whole query in place of the old one
    by hand    one transaction of delete and insert for the days that somebody who knows everything would name
    lookback   dbt's delete+insert by key of the last 30 days; not equal to a rebuild, and the table says so

Then detection alone, for every detector; the same changes on a history of a tenth; and changes scattered over all days, where exact loses.
The figures are CPU seconds, user and system, a server's among them, which depend less on what else the machine does than the clock; ratios
within one run of the script are worth more than the figures. Detection is what `hw plan` costs: finding the changes and mapping them to partitions, nothing else.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from engines import ENGINES

DAYS = 730
BEGIN = "2024-11-22"

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


def project(folder, engine, detector):
    """The dbt project of the two models."""
    (folder / "models").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(
        "name: bench\nversion: '1.0'\nprofile: bench\nmodels:\n  bench:\n    +materialized: incremental\n    +incremental_strategy: exact\n"
    )
    (folder / "profiles.yml").write_text(f"bench:\n  target: dev\n  outputs:\n    dev: {engine.profile()}\n")
    # What a detector relies on, and changes() keeps to; whoever promises that nobody writes the source unseen does so for the model, too.
    trusted = detector != "fingerprint"
    promise = ", commit_order: true, deletes: none, audit: 7" if trusted else ""
    own = ", meta={'highwater': {'audit': 7}}" if trusted else ""
    (folder / "models/raw.yml").write_text(
        "version: 2\nsources:\n  - name: raw\n    schema: raw\n    tables:\n"
        "      - name: orders\n        loaded_at_field: loaded_at\n"
        f"        config: {{event_time: created_at, meta: {{highwater: {{detect: {detector}{promise}}}}}}}\n"
        f"      - name: customers\n        loaded_at_field: loaded_at\n        config: {{meta: {{highwater: {{detect: {detector}{promise}}}}}}}\n"
    )
    for name, (event_time, query) in QUERIES.items():
        text = query.format(orders="{{ source('raw', 'orders') }}", customers="{{ source('raw', 'customers') }}")
        config = f"event_time='{event_time}', batch_size='day', begin='{BEGIN}', indexes={engine.indexes(event_time)}{own}"
        (folder / f"models/{name}.sql").write_text(f"{{{{ config({config}) }}}}\n\n{text}\n")


def moment(day):
    """The timestamp so many days, a fraction perhaps, after the beginning."""
    return f"timestamp '{BEGIN}' + cast({day} as double precision) * interval '1 day'"


def customer(order, orders):
    """The customer of an order: any of them, the same one every time."""
    return f"{order} * 2654435761 % {max(orders // 40, 100)}"


def history(engine, orders):
    """Two years of orders, in the order in which they were loaded."""
    engine.create()
    connection = engine.connect()
    connection.execute(
        f"""
        create schema raw;
        create table raw.customers as
        select cast(n as bigint) as customer_id, (array['north', 'east', 'south', 'west'])[n % 4 + 1] as region,
            (array['bronze', 'silver', 'gold'])[n % 3 + 1] as tier, timestamp '{BEGIN}' + cast(n as double precision) * interval '1 second' as loaded_at
        from {engine.numbers(max(orders // 40, 100))};
        create table raw.orders as
        select order_id, {customer("order_id", orders)} as customer_id, cast(10 + order_id * 37 % 9000 / 100.0 as decimal(12, 2)) as amount,
            created_at, created_at + interval '5 minutes' as loaded_at
        from (
            select cast(n as bigint) as order_id, {moment(f"cast(n as double precision) * {DAYS} / {orders}")} as created_at
            from {engine.numbers(orders)}
        ) as placed;
        {engine.index("raw.orders", "created_at")}
        {engine.index("raw.orders", "loaded_at")}
        {engine.index("raw.customers", "loaded_at")}
        """
    )
    engine.settle(connection)
    connection.close()


def changes(engine, orders, count, scattered=False, detector="fingerprint"):
    """A day of new orders, and `count` orders late, corrected and deleted, as far as a detector's promise allows. Returns the days touched."""
    connection = engine.connect()
    day = max(orders // DAYS, 1)
    age = f"random() * {DAYS}" if scattered else "least(-7 / ln(2) * ln(1 - random()), 60)"
    corrected = "n % 3 = 1" if detector == "fingerprint" else "true"
    loaded = moment(f"{DAYS} + 1 / 24.0")
    connection.execute(
        f"""
        select setseed(0.5);
        create temp table ages as select n, cast({age} as double precision) as days from {engine.numbers(count)};
        create temp table late as
        select {orders} + {day} + n as order_id, n % 100 as customer_id, cast(50 as decimal(12, 2)) as amount,
            {moment(f"{DAYS} - days")} as created_at, {loaded} as loaded_at
        from ages where n % 3 = 0;
        create temp table hit as
        select {corrected} as corrected, cast(floor(({DAYS} - days) / {DAYS} * {orders}) as bigint) as order_id
        from ages where n % 3 > 0 and {detector != "append_only"};
        """
    )
    connection.execute(
        f"""
        select distinct cast(created_at as date) as day from late
        union select distinct cast(created_at as date) from raw.orders where order_id in (select order_id from hit)
        union select cast({moment(DAYS)} as date)
        """
    )
    touched = connection.fetchall()
    connection.execute(
        f"""
        begin;
        insert into raw.orders
        select order_id, {customer("order_id", orders)}, cast(10 + order_id % 90 as decimal(12, 2)), created_at, created_at + interval '5 minutes'
        from (
            select cast({orders} + n as bigint) as order_id, {moment(f"{DAYS} + cast(n as double precision) / {day}")} as created_at
            from {engine.numbers(day)}
        ) as placed;
        insert into raw.orders select * from late;
        update raw.orders set amount = amount + 1, loaded_at = {loaded} where order_id in (select order_id from hit where corrected);
        delete from raw.orders where order_id in (select order_id from hit where not corrected);
        commit;
        """
    )
    engine.settle(connection)
    connection.close()
    return sorted(str(row[0]) for row in touched)


def rebuild(engine, connection, model, days):
    connection.execute(engine.rebuild(model, QUERIES[model][1].format(**RAW)))


def by_hand(engine, connection, model, days):
    """Whoever writes this by hand knows the days, and that they are ranges of a clustered or indexed column."""
    column, query = QUERIES[model]
    between = f"{{0}} >= timestamp '{days[0]}' and {{0}} < timestamp '{days[-1]}' + interval '1 day'"
    narrowed = f"(select * from raw.orders where {between.format('created_at')} and cast(created_at as date) in (select day from days))"
    values = ", ".join(f"('{day}')" for day in days)
    connection.execute(f"create temp table days(day date); insert into days values {values}")
    connection.execute("begin")
    connection.execute(f"delete from {model} where {between.format(column)} and cast({column} as date) in (select day from days)")
    connection.execute(f"insert into {model} {query.format(orders=narrowed, customers=RAW['customers'])}")
    connection.execute("commit")
    connection.execute("drop table days")


def lookback(engine, connection, model, days):
    column, query = QUERIES[model]
    since = f"(select max({column}) - interval '30 days' from {model})"
    narrowed = f"(select * from raw.orders where created_at >= {since})"
    keys = " and ".join(f"t.{key} = n.{key}" for key in KEYS[model])
    connection.execute(f"create temp table news as {query.format(orders=narrowed, customers=RAW['customers'])}")
    connection.execute("begin")
    connection.execute(f"delete from {model} as t using news as n where {keys}")
    connection.execute(f"insert into {model} select * from news")
    connection.execute("commit")
    connection.execute("drop table news")


def difference(engine, model):
    """Rows in which the table differs from a rebuild: only days whose fingerprints differ are compared row by row."""
    connection = engine.connect()
    column, query = QUERIES[model][0], f"({QUERIES[model][1].format(**RAW)}) as wanted"
    days = f"(select cast({column} as date) as day, count(*) as n, sum({{}}) as f from {{}} group by 1)"
    here, there = days.format(engine.hash_of(model), model), days.format(engine.hash_of("wanted"), query)
    connection.execute(
        f"create temp table differing as select distinct day from (({here} except {there}) union all ({there} except {here})) as days"
    )
    here, there = (f"(select * from {rows} where cast({column} as date) in (select day from differing))" for rows in (model, query))
    connection.execute(f"select count(*) from (({here} except all {there}) union all ({there} except all {here})) as difference")
    (rows,) = connection.fetchone()
    connection.close()
    return rows


class Bench:
    def __init__(self, arguments):
        self.hw, self.folder, self.repeat = arguments.hw, Path(arguments.work) / "project", arguments.repeat
        self.engine = ENGINES[arguments.engine](Path(arguments.work))

    def command(self, *words):
        """Runs hw; CPU seconds."""
        started = self.engine.spent()
        done = subprocess.run([self.hw, *words], cwd=self.folder, capture_output=True, text=True)
        seconds = self.engine.spent() - started
        if done.returncode != 0:
            sys.exit(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return seconds

    def prepared(self, orders, count, detector="fingerprint", scattered=False):
        """The database, built and then changed, and kept like that. Returns the days touched."""
        shutil.rmtree(self.folder, ignore_errors=True)
        project(self.folder, self.engine, detector)
        history(self.engine, orders)
        self.command("run")
        days = changes(self.engine, orders, count, scattered, detector)
        self.engine.keep()
        return days

    def exact(self, model):
        """Best of some runs: seconds in all, seconds of detection, and what the run says of itself."""
        best = None
        for _ in range(self.repeat):
            self.engine.restore()
            detection = self.command("plan", "--select", model)
            seconds = self.command("run", "--select", model)
            results = json.loads((self.folder / "target/run_results.json").read_text())["results"]
            report = results[0]["adapter_response"]["highwater"]
            if best is None or seconds < best[0]:
                best = (seconds, detection, report)
        wrong = difference(self.engine, model)
        if wrong:
            sys.exit(f"{model} differs from a rebuild in {wrong} rows")
        return best

    def other(self, model, way, days):
        best = None
        for _ in range(self.repeat):
            self.engine.restore()
            started = self.engine.spent()
            connection = self.engine.connect()
            way(self.engine, connection, model, days)
            self.engine.flush(connection)
            connection.close()
            seconds = self.engine.spent() - started
            best = seconds if best is None else min(best, seconds)
        return best, difference(self.engine, model)

    def table(self, title, orders, count, scattered=False):
        days = self.prepared(orders, count, scattered=scattered)
        print(f"\n{title}, {self.engine.name}: {orders:,} orders, {count:,} of them late, corrected or deleted, {len(days)} days touched\n")
        print("| model | exact | of it detection | rebuild | by hand | lookback 30 | rows wrong after lookback | exact / (by hand + detection) | exact / rebuild |")
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for model in QUERIES:
            seconds, detection, report = self.exact(model)
            whole, _ = self.other(model, rebuild, days)
            hand, wrong = self.other(model, by_hand, days)
            if wrong:
                sys.exit(f"by hand, {model} differs from a rebuild in {wrong} rows: the bench is wrong")
            back, lost = self.other(model, lookback, days)
            print(
                f"| `{model}` | {seconds:.2f} | {detection:.2f} | {whole:.2f} | {hand:.2f} | {back:.2f} | {lost:,} |"
                f" {seconds / (hand + detection):.2f} | {seconds / whole:.2f} | {report['mode']}, {report['dirty_count']} days"
            )
        sys.stdout.flush()

    def detectors(self, orders, count, names):
        print(f"\nDetection alone, {self.engine.name}, {orders:,} orders; the last two columns without what hw plan takes for a hundred orders\n")
        print("| detector | model | detection | rebuild | detection / rebuild | without the fixed part | / rebuild |\n| --- | --- | --- | --- | --- | --- | --- |")
        for name in names:
            self.prepared(100, 3, detector=name)
            fixed = {model: self.exact(model)[1] for model in QUERIES}
            days = self.prepared(orders, count, detector=name)
            for model in QUERIES:
                _, detection, _ = self.exact(model)
                whole, _ = self.other(model, rebuild, days)
                grows = max(detection - fixed[model], 0.001)
                print(f"| `{name}` | `{model}` | {detection:.3f} | {whole:.2f} | 1/{whole / detection:.0f} | {grows:.3f} | 1/{whole / grows:.0f} |")
                sys.stdout.flush()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hw", required=True)
    parser.add_argument("--work", required=True)
    parser.add_argument("--engine", default="duckdb", choices=ENGINES)
    parser.add_argument("--orders", type=int, default=2_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--detectors", default="fingerprint", help="names of detectors, with commas between")
    parser.add_argument("--only", default="day,history,scattered,detectors")
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    bench, orders, parts = Bench(arguments), arguments.orders, arguments.only.split(",")
    try:
        if "day" in parts:
            bench.table("One day", orders, orders // 1000)
        if "history" in parts:
            bench.table("The same changes on a tenth of the history", orders // 10, orders // 1000)
        if "scattered" in parts:
            bench.table("Changes scattered over all days", orders, orders // 1000, scattered=True)
        if "detectors" in parts:
            bench.detectors(orders, orders // 1000, arguments.detectors.split(","))
    finally:
        bench.engine.stop()


if __name__ == "__main__":
    main()
