#!/usr/bin/env bash
# Puts the official prebuilt DuckDB library under .duckdb/, checked against the checksum below.
# A machine that has DUCKDB_LIB_DIR set uses that and needs nothing from here.
set -euo pipefail

version=1.5.6
release=$version-r.1
sha256=1b9f82478539bb9a1d1df44bd103121a12ae52142c07158dc52b97d2ec1d69ff

cd "$(dirname "$0")/.."
if [ -n "${DUCKDB_LIB_DIR:-}" ]; then
  echo "DuckDB: using the library in \$DUCKDB_LIB_DIR" >&2
  exit 0
fi
if [ -f .duckdb/libduckdb.so ] && [ "$(cat .duckdb/release 2>/dev/null)" = "$release" ]; then
  exit 0
fi
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
  echo "error: the prebuilt DuckDB library pinned here is for Linux on x86-64" >&2
  echo "hint: set DUCKDB_LIB_DIR to a folder with DuckDB $version, or build with: cargo build --release --features bundled" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/npm-package.sh @duckdb/node-bindings-linux-x64 "$release" "$sha256" "$work" || {
  echo "hint: install npm or pip, or set DUCKDB_LIB_DIR to a folder with DuckDB $version" >&2
  exit 1
}
mkdir -p .duckdb
mv "$work/package/libduckdb.so" .duckdb/libduckdb.so.new
mv .duckdb/libduckdb.so.new .duckdb/libduckdb.so
echo "$release" > .duckdb/release
