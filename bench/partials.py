"""What `meta.highwater.partials: day` saves, and where it costs more than it saves: a model with partials beside the same without, on DuckDB.

A hundred late rows of one day arrive, three times; the figures are seconds of the run (its own report), the median of three, and their ratio.
"""

import argparse
import json
import shutil
import statistics
import subprocess
from pathlib import Path

import duckdb

SOURCES = """sources:
  - name: raw
    schema: main
    tables:
      - name: events
        config: {event_time: ts, meta: {highwater: {detect: append_only, version: id}}}
      - name: details
        config: {meta: {highwater: {detect: append_only, version: id}}}
"""
PLAIN = "select {key}count(*) as n, sum(e.amount) as total, max(e.ts) as last_at from {{{{ source('raw', 'events') }}}} as e"
JOINED = (
    "select {key}count(*) as n, sum(e.amount * d.quantity) as total, max(e.ts) as last_at,\n"
    "    count(*) filter (where regexp_matches(d.word, '[0-9a-f]*77[0-9a-f]*1')) as odd\n"
    "from {{{{ source('raw', 'events') }}}} as e join {{{{ source('raw', 'details') }}}} as d on d.event_id = e.id"
)
# Name, query, number of keys; none: one row.
CASES = [
    ("sums", PLAIN, 100_000),
    ("sums", PLAIN, 1_000),
    ("joined", JOINED, 1_000),
    ("joined", JOINED, 100),
    ("joined", JOINED, None),
]


def project(folder, query, keys):
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text("name: bench\nversion: '1.0'\nprofile: bench\n")
    (folder / "profiles.yml").write_text(
        "bench: {target: dev, outputs: {dev: {type: duckdb, path: bench.duckdb, schema: main, threads: 1}}}\n"
    )
    (folder / "models/sources.yml").write_text(SOURCES)
    sql = query.format(key="e.k, " if keys else "") + ("\ngroup by e.k" if keys else "")
    for name, meta in [("plain", ""), ("kept", ", meta={'highwater': {'partials': 'day'}}")]:
        key = ", unique_key='k'" if keys else ""
        config = f"{{{{ config(materialized='incremental', incremental_strategy='exact'{key}{meta}) }}}}\n"
        (folder / f"models/{name}.sql").write_text(config + sql + "\n")


def write(folder, *statements):
    with duckdb.connect(str(folder / "bench.duckdb")) as database:
        for statement in statements:
            database.execute(statement)


def seconds(hw, folder, model):
    subprocess.run([hw, "run", "--select", model, "--project-dir", folder], check=True, capture_output=True)
    report = json.loads((folder / "target/run_results.json").read_text())["results"][0]["adapter_response"]["highwater"]
    return report["seconds"] + report.get("partials", {}).get("seconds", 0)


def measure(hw, folder, query, keys, rows):
    shutil.rmtree(folder, ignore_errors=True)
    project(folder, query, keys)
    write(
        folder,
        f"create table events as select i as id, cast(hash(i) % {keys or 1000} as bigint) as k, cast(hash(i + 3) % 10000 as decimal(12, 2)) as amount, "
        f"timestamp '2026-01-01' + to_days(cast(i * 30 // {rows} as int)) + to_seconds(cast(hash(i) % 86400 as int)) as ts from range({rows}) as made(i)",
        f"create table details as select j as id, j % {rows} as event_id, j % 7 as quantity, md5(j::varchar) as word from range({rows} * 3) as made(j)",
    )
    for model in ["plain", "kept"]:
        seconds(hw, folder, model)
    found = {"plain": [], "kept": []}
    for batch in range(3):
        first = rows * (batch + 1) * 10
        write(
            folder,
            f"insert into events select {first} + i, cast(hash(i) % {keys or 1000} as bigint), 5, timestamp '2026-01-{batch + 3:02} 10:00' from range(100) as made(i)",
            f"insert into details select {first} + i, {first} + i, 2, 'x' from range(100) as made(i)",
        )
        for model, times in found.items():
            times.append(seconds(hw, folder, model))
    return [statistics.median(times) for times in found.values()]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hw", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--rows", default=1_000_000, type=int)
    arguments = parser.parse_args()
    print("| rows | keys | without partials | with | ratio |\n| --- | --- | --- | --- | --- |")
    for name, query, keys in CASES:
        plain, kept = measure(arguments.hw, arguments.work / "shop", query, keys, arguments.rows)
        print(f"| {name} | {keys or 'none'} | {plain:.2f} s | {kept:.2f} s | {plain / kept:.2f} |", flush=True)
