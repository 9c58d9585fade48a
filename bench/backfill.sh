#!/usr/bin/env bash
# A backfill of many days beside the same in SQL by hand; see backfill.py for what is measured.
#
#     bench/backfill.sh                          five million rows in 90 days of a year
#     bench/backfill.sh --rows 20000000 --days 180    as in README.md; wants 10 GB of memory and 15 GB of disk
#     bench/backfill.sh --engine postgres --rows 5000000 --days 180
#     bench/backfill.sh --partitions             memory with 90, 365 and 3650 partitions of the same rows
source "$(dirname "$0")/lib.sh"
exec "$work/dbt/bin/python" "$repository/bench/backfill.py" --hw "$hw" --work "$work/backfill" "$@"
