#!/usr/bin/env bash
# The front end: reading generated projects of 100, 1,000 and 10,000 models from nothing, and writing their manifest.
#
# dbt reads the largest only when BENCH_LARGE=1: that takes it many minutes.
#
#     bench/frontend.sh
source "$(dirname "$0")/lib.sh"

# peak COMMAND...: megabytes of memory that a command held at most.
peak() {
  python3 - "$@" <<'PY'
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
PY
}

# once COMMAND...: as median, for what is slow enough to be measured once.
once() { cpu "$@"; }

header
for models in 100 1000 10000; do
  project=$work/generated-$models
  [ -d "$project" ] || "$repository/bench/generate.py" "$project" "$models"
  cd "$project"
  rm -rf target
  own=$(median "$hw" parse --profiles-dir .)
  memory=$(peak "$hw" parse --profiles-dir .)
  other=0
  if [ "$models" -lt 10000 ] || [ "${BENCH_LARGE:-0}" = 1 ]; then
    other=$(once "$dbt" parse --profiles-dir . --no-partial-parse --target-path "$work/dbt-target")
  fi
  row "\`parse\`, $models models, from nothing (hw: $memory MB)" "$own" "$other"
done
