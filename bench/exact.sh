#!/usr/bin/env bash
# An exact run against a full rebuild, hand-written SQL and a merge with a lookback; see exact.py for what is measured.
#
#     bench/exact.sh                   two million orders, and a tenth of that for the history
#     ORDERS=20000000 bench/exact.sh   as in docs/performance.md; wants 8 GB of memory and 20 GB of disk
#     bench/exact.sh --engine postgres --orders 5000000
source "$(dirname "$0")/lib.sh"
exec "$work/dbt/bin/python" "$repository/bench/exact.py" --hw "$hw" --work "$work/exact" --orders "${ORDERS:-2000000}" "$@"
