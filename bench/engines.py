"""The engines that exact.py measures: where its database lies, how that is kept and restored, and what it spends.

| class | the database | CPU seconds |
| --- | --- | --- |
| `DuckDb` | a file | those of this process and of the commands it waited for |
| `Postgres` | a database of a server started here, on loopback, and stopped at the end | those, and the server's |

Statements are written once, in the SQL that both understand; what differs is a method here. The database keeps its name when it is restored:
a model that reads another database has another logic, and is built anew.
"""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

THREADS = 2
NOBODY = 65534


def spent_here():
    """CPU seconds of this process and of those it waited for."""
    return sum(os.times()[:4])


class DuckDb:
    name = "DuckDB"

    def __init__(self, work):
        self.path, self.kept = work / "bench.duckdb", work / "kept.duckdb"

    def profile(self):
        return f"{{type: duckdb, path: '{self.path.resolve()}', threads: 1, settings: {{threads: {THREADS}}}}}"

    def connect(self):
        import duckdb

        return duckdb.connect(str(self.path), config={"threads": THREADS, "memory_limit": "6GB"})

    def create(self):
        self.path.unlink(missing_ok=True)

    def keep(self):
        shutil.copyfile(self.path, self.kept)

    def restore(self):
        shutil.copyfile(self.kept, self.path)

    def flush(self, connection):
        """What is written reaches the file here, rather than when somebody else opens it."""
        connection.execute("checkpoint")

    def settle(self, connection):
        """After many rows were loaded."""
        self.flush(connection)

    def index(self, table, column):
        """DuckDB knows from which part of a table to read by its own statistics."""
        return ""

    def indexes(self, column):
        return []

    def numbers(self, count):
        return f"range({count}) as numbers(n)"

    def hash_of(self, table):
        return f"hash({table})"

    def rebuild(self, model, query):
        return f"create or replace table {model} as {query}"

    def spent(self):
        return spent_here()

    def stop(self):
        pass


class Postgres:
    name = "PostgreSQL"

    def __init__(self, work):
        installed = Path(os.environ.get("POSTGRES_DIR") or Path(__file__).resolve().parent.parent / ".postgres")
        self.folder = (work / "server").resolve()
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        # The server refuses to run as root.
        self.as_user = []
        if os.getuid() == 0:
            os.chown(self.folder, NOBODY, NOBODY)
            for above in self.folder.parents:
                if not above.stat().st_mode & 1:
                    raise SystemExit(f"error: {above} cannot be entered by the user nobody, who runs the server\nhint: BENCH_WORK=/tmp/bench")
            self.as_user = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
        data = self.folder / "data"
        made = [*self.as_user, str(installed / "bin/initdb"), "-D", str(data), "-U", "bench", "-A", "trust", "--no-locale", "-E", "UTF8"]
        subprocess.run(made, check=True, capture_output=True, cwd=self.folder)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "shared_buffers": "1GB",
            "work_mem": "256MB",
            "max_wal_size": "8GB",
            # What runs beside what is measured would be measured, too.
            "autovacuum": "off",
        }
        flags = [word for setting in settings.items() for word in ("-c", "=".join(setting))]
        served = [*self.as_user, str(installed / "bin/postgres"), "-D", str(data), "-p", str(self.port), *flags]
        self.log = open(self.folder / "log", "w")
        self.server = subprocess.Popen(served, stdout=self.log, stderr=self.log, cwd=self.folder)
        for _ in range(300):
            try:
                self.connect("postgres").close()
                return
            except Exception:
                if self.server.poll() is not None:
                    break
                time.sleep(0.1)
        self.stop()
        raise SystemExit(f"error: the server does not answer\n{(self.folder / 'log').read_text()}")

    def profile(self):
        return f"{{type: postgres, host: 127.0.0.1, port: {self.port}, user: bench, password: none, dbname: bench, schema: public, threads: 1}}"

    def connect(self, database="bench"):
        import psycopg2

        connection = psycopg2.connect(host="127.0.0.1", port=self.port, user="bench", dbname=database)
        connection.autocommit = True
        return Connection(connection)

    def create(self):
        self.replace("bench", "template1")

    def keep(self):
        self.replace("kept", "bench")

    def restore(self):
        self.replace("bench", "kept")

    def replace(self, database, template):
        connection = self.connect("postgres")
        connection.execute(f"drop database if exists {database}")
        connection.execute(f"create database {database} template {template} strategy file_copy")
        connection.close()

    def flush(self, connection):
        """A commit has done it."""

    def settle(self, connection):
        """What the server does by itself after some time."""
        connection.execute("vacuum analyze")

    def index(self, table, column):
        return f"create index on {table} ({column});"

    def indexes(self, column):
        return [{"columns": [column]}]

    def numbers(self, count):
        return f"generate_series(0, {count} - 1) as numbers(n)"

    def hash_of(self, table):
        return f"hashtextextended(cast({table} as text), 0)"

    def rebuild(self, model, query):
        return f"begin; drop table if exists {model}; create table {model} as {query}; commit"

    def spent(self):
        """A session's process is counted by the server once it has ended, the others while they live."""
        time.sleep(0.2)
        ticks = sum(self.process(self.server.pid)[11:15])
        for child in Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split():
            ticks += sum(self.process(child)[11:13])
        return spent_here() + ticks / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def process(pid):
        """The numbers of /proc/PID/stat that follow the name and the state."""
        return [0] + [int(word) for word in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1:]]

    def stop(self):
        self.server.terminate()
        self.server.wait()
        self.log.close()


class Connection:
    """What exact.py needs of DuckDB's connection, over psycopg2."""

    def __init__(self, connection):
        self.connection = connection
        self.cursor = connection.cursor()

    def execute(self, statements):
        self.cursor.execute(statements)

    def fetchone(self):
        return self.cursor.fetchone()

    def fetchall(self):
        return self.cursor.fetchall()

    def close(self):
        self.connection.close()


ENGINES = {"duckdb": DuckDb, "postgres": Postgres}
