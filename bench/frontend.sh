#!/usr/bin/env bash
# The front end: reading generated projects of 100, 1,000 and 10,000 models and writing their manifest: from nothing, with nothing changed
# since, and with one file changed.
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

# settled: what is kept of a parse trusts files by their times from two seconds after their last change.
settled() { sleep 3; "$hw" parse --profiles-dir . >/dev/null 2>&1; }

# edited FILE COMMAND...: the median, a line added to the file before every run.
edited() {
  local file=$1
  shift
  for _ in $(seq "$runs"); do
    case $file in *.yml) echo "# edited" ;; *) echo "-- edited" ;; esac >>"$file"
    cpu "$@"
  done | sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'
}

header
for models in 100 1000 10000; do
  project=$work/generated-$models
  [ -d "$project" ] || "$repository/bench/generate.py" "$project" "$models"
  cd "$project"
  rm -rf target
  parse=("$hw" parse --profiles-dir .)
  own=$(median "${parse[@]}" --no-partial-parse)
  rm -rf target
  memory=$(peak "${parse[@]}")
  rm -rf target
  keeping=$(once "${parse[@]}")
  settled
  warm=$(median "${parse[@]}")
  warm_memory=$(peak "${parse[@]}")
  model=models/marts/area_0/marts_1.sql
  properties=models/marts/area_0/_marts_0.yml
  cp "$model" "$work/model" && cp "$properties" "$work/properties"
  one=$(edited "$model" "${parse[@]}")
  described=$(edited "$properties" "${parse[@]}")
  cp "$work/model" "$model" && cp "$work/properties" "$properties"
  other=0 other_warm=0
  if [ "$models" -lt 10000 ] || [ "${BENCH_LARGE:-0}" = 1 ]; then
    rm -rf "$work/dbt-target"
    dbt_parse=("$dbt" parse --profiles-dir . --target-path "$work/dbt-target")
    other=$(once "${dbt_parse[@]}")
    other_warm=$(once "${dbt_parse[@]}")
  fi
  row "$models models, nothing kept (hw: $memory MB)" "$own" "$other"
  row "$models models, and what was parsed is kept" "$keeping" "$other"
  row "$models models, nothing changed (hw: $warm_memory MB)" "$warm" "$other_warm"
  row "$models models, one model changed" "$one" "$other_warm"
  row "$models models, one properties file changed" "$described" "$other_warm"
done
