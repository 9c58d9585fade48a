#!/usr/bin/env bash
# Start-up: what every command costs before it does anything.
#
#     bench/startup.sh
source "$(dirname "$0")/lib.sh"

header
row "\`--version\`" "$(median "$hw" --version)" "$(median "$dbt" --version)"
