#!/usr/bin/env bash
# A backfill of many days on DuckDB beside the same in SQL by hand; see backfill.py for what is measured.
#
#     bench/backfill.sh                          five million rows in 90 days of a year
#     bench/backfill.sh --rows 20000000          as in README.md; wants 10 GB of memory and 25 GB of disk
#     bench/backfill.sh --partitions             memory with 90, 365 and 3650 partitions of the same rows
export DBT=${DBT:-/bin/true} # no dbt here
source "$(dirname "$0")/lib.sh"
exec python3 "$repository/bench/backfill.py" --hw "$hw" --work "$work/backfill" "$@"
