# What the measurements share: where things are, and how CPU time is read. Sourced, not run.

set -euo pipefail

repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=${BENCH_WORK:-${TMPDIR:-/tmp}/highwater-bench}
hw=${HW:-${CARGO_TARGET_DIR:-$repository/target}/release/hw}
runs=${BENCH_RUNS:-7}
mkdir -p "$work"

if [ ! -x "$hw" ]; then
  echo "error: no hw at $hw" >&2
  echo "hint: cargo build --release, or set HW to the binary" >&2
  exit 2
fi

# dbt-core, dbt-duckdb and a client of PostgreSQL in a virtual environment of their own, made once, outside the repository.
dbt=${DBT:-$work/dbt/bin/dbt}
if [ ! -x "$dbt" ]; then
  "$repository/scripts/fetch-dbt.sh" "$work/dbt"
  "$work/dbt/bin/pip" install --quiet psycopg2-binary==2.9.13 >&2
fi
export DBT_SEND_ANONYMOUS_USAGE_STATS=false

# cpu COMMAND...: user and system seconds of one run, the command's own output thrown away. A run that fails stops the script.
cpu() {
  local spent
  spent=$( { TIMEFORMAT='%U %S'; time "$@" >"$work/output" 2>&1; } 2>&1 ) || { cat "$work/output" >&2; exit 1; }
  echo "$spent" | awk '{ printf "%.3f\n", $1 + $2 }'
}

# median COMMAND...: the median of so many runs, after one that warms the caches.
median() {
  cpu "$@" >/dev/null
  for _ in $(seq "$runs"); do cpu "$@"; done | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'
}

# row WHAT HW DBT: one line of the table.
row() {
  awk -v what="$1" -v hw="$2" -v dbt="$3" \
    'BEGIN { printf "| %s | %.3f | %.3f | %.0f |\n", what, hw, dbt, (hw > 0 ? dbt / hw : 0) }'
}

header() {
  echo "| CPU seconds, median of $runs | hw | dbt | dbt / hw |"
  echo "| --- | --- | --- | --- |"
}
