#!/usr/bin/env bash
# Puts dbt with its DuckDB adapter into a virtual environment: what Highwater is compared with. `hw` itself needs none of it.
# Where DBT names a dbt already, that one is used and nothing is installed.
#
#     scripts/fetch-dbt.sh [FOLDER]        default: .dbt
set -euo pipefail

packages="dbt-core==1.11.16 dbt-duckdb==1.11.1 duckdb==1.5.6"

cd "$(dirname "$0")/.."
folder=${1:-.dbt}
if [ -n "${DBT:-}" ] || [ "$(cat "$folder/packages" 2>/dev/null)" = "$packages" ]; then
  exit 0
fi
echo "installing dbt into $folder" >&2
rm -rf "$folder"
python3 -m venv "$folder"
# shellcheck disable=SC2086
"$folder/bin/pip" install --quiet --disable-pip-version-check $packages >&2
echo "$packages" >"$folder/packages"
