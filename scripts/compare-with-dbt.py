#!/usr/bin/env python3
"""Builds a dbt project twice, with hw and with dbt, and compares every table after every run.

    scripts/compare-with-dbt.py CHECKOUT --profile NAME [--hw HW] [--dbt DBT] [--command build] [--runs 1] [--postgres URL] [-- FLAG ...]

CHECKOUT is any dbt project, its packages installed. It is copied twice into a temporary folder and run there unmodified on a
DuckDB file of its own, or with --postgres on databases of its own (`work_..._hw` and `work_..._dbt`, made anew) of the server at
URL, postgresql://USER:PASSWORD@HOST:PORT; only the profile is ours. Flags behind -- are given to both tools (--vars, --exclude, --full-refresh ...).
--between FILE names a Python file with a function `arrive(connection, run)`: new data, before every run; the first is run 0.
--mask PATTERN leaves out the columns whose schema.table.column it matches: what holds the moment of the run, or random numbers.
--ids takes every UUID and every moment in a value for the same, for tables of what ran when.

Prints one line for every node whose result differs from dbt's and every table that differs, then the counts of both. Leaves with 1
when a table differs.
Needs the Python package duckdb, and dbt-duckdb for dbt; for PostgreSQL psycopg2 and dbt-postgres.
"""

import argparse
import collections
import contextlib
import json
import re
import runpy
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path

# What came of every node, as a tool's folder keeps it for --again.
RESULTS = "results-of-the-last-run.json"

SKIPPED = shutil.ignore_patterns(".git", "target", "logs", "*.duckdb", "*.duckdb.wal", ".venv")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=Path)
    parser.add_argument("--profile", required=True, help="name of the profile that dbt_project.yml asks for")
    parser.add_argument("--hw", default="hw")
    parser.add_argument("--dbt", default="dbt")
    parser.add_argument("--command", default="build", help="commands, separated by commas: seed,run,test")
    parser.add_argument("--first", default="", help="commands before the first run only: seed")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--between", type=Path)
    parser.add_argument("--keep", type=Path, help="folder to work in, kept afterwards")
    parser.add_argument("--mask", action="append", default=[], help="a pattern of schema.table.column to leave out")
    parser.add_argument("--ids", action="store_true", help="take all UUIDs, and all moments, for the same")
    parser.add_argument("--again", choices=["hw", "dbt"], help="run only this tool, and compare with what the other left in --keep")
    parser.add_argument("--schema", default="main")
    parser.add_argument("--postgres", type=urllib.parse.urlsplit, metavar="URL", help="a server to build on, instead of DuckDB")
    ours, flags = (sys.argv[1:] + ["--"]).index("--"), sys.argv[1:]
    options = parser.parse_args(flags[:ours])
    options.flags = flags[ours + 1 :]
    return options


class DuckDb:
    """A file per tool, by the name `work` in both."""

    def __init__(self, folders):
        import duckdb

        self.driver = duckdb
        self.files = {tool: folder / "work.duckdb" for tool, folder in folders.items()}

    def target(self, tool, schema):
        # One thread of the engine's own, so that ties behind `order by` fall alike.
        return f"{{type: duckdb, path: '{self.files[tool]}', schema: {schema}, threads: 2, settings: {{threads: 1}}}}"

    def prepare(self, tool):
        """The copy of the project, and its database with it, is made anew."""

    @contextlib.contextmanager
    def for_the_tool(self, tool):
        yield lambda: self.driver.connect(str(self.files[tool]))

    def reader(self, tool):
        connection = self.driver.connect()
        connection.execute(f"attach '{self.files[tool]}' as work (read_only)")
        connection.execute("use work")
        # Sums of a view come out alike when they are made in one order.
        connection.execute("set threads = 1")
        return lambda query: connection.execute(query).fetchall()

    tables = "select table_schema, table_name, table_type from information_schema.tables where table_catalog = 'work'"

    def columns(self, rows, place):
        return [column[:2] for column in rows(f"describe {quoted('work', *place)}")]


class Postgres:
    """A database per tool. While a tool works its database is called `work`, as the other's is: projects write the name down."""

    def __init__(self, server, root):
        import psycopg2

        self.driver, self.server, self.name = psycopg2, server, "work_" + re.sub(r"\W", "_", root.resolve().name.lower())[:40]

    def connect(self, database):
        connection = self.driver.connect(urllib.parse.urlunsplit(self.server._replace(path="/" + database)))
        connection.autocommit = True
        return connection

    def command(self, text):
        with contextlib.closing(self.connect("postgres")) as connection:
            connection.cursor().execute(text)

    def target(self, tool, schema):
        user, password, host, port = self.server.username, self.server.password, self.server.hostname, self.server.port
        return f"{{type: postgres, host: {host}, port: {port}, user: {user}, password: '{password}', dbname: {self.name}, schema: {schema}, threads: 2}}"

    def prepare(self, tool):
        self.command(f"drop database if exists {self.name}")
        self.command(f"drop database if exists {self.name}_{tool}")
        self.command(f"create database {self.name}_{tool}")

    @contextlib.contextmanager
    def for_the_tool(self, tool):
        self.command(f"alter database {self.name}_{tool} rename to {self.name}")
        try:
            yield lambda: contextlib.closing(self.connect(self.name))
        finally:
            self.command(f"alter database {self.name} rename to {self.name}_{tool}")

    def reader(self, tool):
        connection = self.connect(f"{self.name}_{tool}")

        def rows(query):
            cursor = connection.cursor()
            cursor.execute(query)
            return cursor.fetchall()

        # What a sum adds up in what order is chosen once.
        connection.cursor().execute("set max_parallel_workers_per_gather = 0")
        return rows

    tables = """
        select nspname, relname, case relkind when 'r' then 'BASE TABLE' when 'm' then 'MATERIALIZED VIEW' when 'v' then 'VIEW' else relkind::text end
        from pg_class join pg_namespace n on n.oid = relnamespace
        where relkind in ('r', 'v', 'm', 'p', 'f') and nspname not like 'pg\\_%' and nspname <> 'information_schema'"""

    def columns(self, rows, place):
        schema, name = (part.replace("'", "''") for part in place)
        return rows(f"""
            select attname, format_type(atttypid, atttypmod) from pg_attribute join pg_class c on c.oid = attrelid join pg_namespace n on n.oid = relnamespace
            where nspname = '{schema}' and relname = '{name}' and attnum > 0 and not attisdropped order by attnum""")


def quoted(*parts):
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def run(tool, binary, folder, connect, options, number):
    """Runs the commands once; what failed is told, and compared all the same."""
    if options.between:
        with connect() as connection:
            runpy.run_path(str(options.between))["arrive"](connection, number)
    first = options.first.split(",") if options.first and not number else []
    told = {}
    for command in first + options.command.split(","):
        line = [binary, *command.split(), "--profiles-dir", ".", *options.flags]
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True)
        (folder / f"{tool}-{command.replace('/', '_')}-{number}.log").write_text(done.stdout + done.stderr)
        if done.returncode:
            print(f"{tool} {command}, run {number + 1}: exit code {done.returncode}")
        if done.returncode > 1:
            print((done.stdout + done.stderr)[:2000])
        with contextlib.suppress(OSError):
            told |= {result["unique_id"]: result for result in json.loads((folder / "target" / "run_results.json").read_text())["results"]}
    (folder / RESULTS).write_text(json.dumps(told))


def results(folder):
    """What came of every node in the last run, in whichever command it was built last."""
    told = json.loads((folder / RESULTS).read_text())
    return {node: (result["status"], result["failures"], result["message"]) for node, result in told.items()}


def compare_results(folders):
    """Tests fail alike, and models; the words of an error are each tool's own."""
    hw, dbt = (results(folders[tool]) for tool in ("hw", "dbt"))
    for node in sorted(set(hw) | set(dbt)):
        (status, failures, message), (expected, expected_failures, _) = hw.get(node, ("absent", None, "")), dbt.get(node, ("absent", None, ""))
        if status != expected:
            print(f"{node}: {status}, and {expected} in dbt", *([f"\n    {message[:300]}"] if message and "skipped" not in status else []))
        elif failures != expected_failures:
            print(f"{node}: {failures} failures, and {expected_failures} in dbt")
    for tool, told in (("hw ", hw), ("dbt", dbt)):
        counts = collections.Counter((node.split(".")[0], status) for node, (status, _, _) in told.items())
        print(tool, ", ".join(f"{count} {kind} {status}" for (kind, status), count in sorted(counts.items())))


IDS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "<moment>"),
    (re.compile(r"datetime\.datetime\([^()]*(\([^()]*\))?\)"), "<moment>"),
]


def content(database, rows, place, options):
    """The columns, and the rows in order, without what is masked."""
    try:
        columns = database.columns(rows, place)
        shown = [column for column, _ in columns if not any(re.fullmatch(mask, ".".join((*place, column))) for mask in options.mask)]
        selected = ", ".join(map(quoted, shown))
        rows = [repr(row) for row in rows(f"select {selected or 1} from {quoted(*place)}")]
    except Exception as error:  # a view over what is gone; each engine has a class of its own for that
        return [], [f"cannot be read: {str(error)[:150]}"]
    for pattern, word in IDS if options.ids else []:
        rows = [pattern.sub(word, row) for row in rows]
    return columns, sorted(rows)


def compare(database, options):
    readers = {tool: database.reader(tool) for tool in ("hw", "dbt")}
    found = {tool: {(schema, name): kind for schema, name, kind in rows(database.tables) if schema != "highwater"} for tool, rows in readers.items()}
    equal, every = 0, sorted(set(found["hw"]) | set(found["dbt"]))
    for place in every:
        shown = ".".join(place)
        if any(place not in found[tool] for tool in found):
            print(f"{shown}: only built by", " and ".join(tool for tool in found if place in found[tool]))
            continue
        (hw_columns, hw_rows), (dbt_columns, dbt_rows) = (content(database, readers[tool], place, options) for tool in ("hw", "dbt"))
        if found["hw"][place] != found["dbt"][place]:
            print(f"{shown}: {found['hw'][place]} and {found['dbt'][place]}")
        elif hw_columns != dbt_columns:
            print(f"{shown}: columns differ\n  hw  {hw_columns}\n  dbt {dbt_columns}")
        elif hw_rows != dbt_rows:
            print(f"{shown}: rows differ, {len(hw_rows)} and {len(dbt_rows)}")
            for tool, own, other in (("hw ", hw_rows, dbt_rows), ("dbt", dbt_rows, hw_rows)):
                others = set(other)
                print(f"  {tool}", [row for row in own if row not in others][:2])
        else:
            equal += 1
    print(f"{equal} of {len(every)} tables equal")
    return equal == len(every)


def main():
    options = arguments()
    root = options.keep or Path(tempfile.mkdtemp(prefix="highwater-compare-"))
    tools = {"hw": options.hw, "dbt": options.dbt}
    folders = {tool: (root / tool).resolve() for tool in tools}
    running = [options.again] if options.again else list(tools)
    database = Postgres(options.postgres, root) if options.postgres else DuckDb(folders)
    for tool in running:
        shutil.rmtree(folders[tool], ignore_errors=True)
        shutil.copytree(options.checkout, folders[tool], ignore=SKIPPED)
        profile = f"{options.profile}:\n  target: dev\n  outputs:\n    dev: {database.target(tool, options.schema)}\n"
        (folders[tool] / "profiles.yml").write_text(profile)
        database.prepare(tool)
    same = True
    for number in range(options.runs):
        for tool in running:
            with database.for_the_tool(tool) as connect:
                run(tool, tools[tool], folders[tool], connect, options, number)
        # With --again the other tool has left only the end of its last run.
        if not options.again or number + 1 == options.runs:
            print(f"after run {number + 1}:" if options.runs > 1 else "")
            compare_results(folders)
            same &= compare(database, options)
    if not options.keep:
        shutil.rmtree(root, ignore_errors=True)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
