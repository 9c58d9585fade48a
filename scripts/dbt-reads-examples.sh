#!/usr/bin/env bash
# dbt itself reads every example project of ours: `strategy: exact` and `meta.highwater` break nothing. Then it lists what was
# modified since the manifest that hw wrote, which must be nothing of the project's own.
#
#     scripts/dbt-reads-examples.sh        with HW naming the binary (default: hw on the PATH), and DBT dbt (default: scripts/fetch-dbt.sh)
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
dbt=${DBT:-$repository/.dbt/bin/dbt}
hw=${HW:-hw}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export DBT_SEND_ANONYMOUS_USAGE_STATS=false

for example in "$repository"/examples/*/; do
  name=$(basename "$example")
  cp -r "$example" "$work/$name"
  cd "$work/$name"
  rm -rf target
  "$hw" parse --quiet --profiles-dir .
  mv target "$work/state-$name"
  "$dbt" --quiet parse --profiles-dir . --no-partial-parse
  modified=$("$dbt" --quiet ls --profiles-dir . --state "$work/state-$name" --select state:modified --resource-type model seed snapshot)
  if [ -n "$modified" ]; then
    echo "$name: dbt takes these for modified since the manifest of hw:" >&2
    echo "$modified" >&2
    exit 1
  fi
  echo "$name: read by dbt, and the manifest of hw read as its state"
done
