#!/usr/bin/env bash
# What each of many small models adds when nothing is new: a plan and a run of 20 and of 200 exact models, and a dbt run of the same with a
# window of three days.
#
#     bench/many.sh
source "$(dirname "$0")/lib.sh"

header
for models in 20 200; do
  folder=$work/many-$models
  rm -rf "$folder" "$folder-dbt"
  "$work/dbt/bin/python" "$repository/bench/many.py" "$models" "$folder"
  (cd "$folder" && "$hw" run >/dev/null)
  (cd "$folder-dbt" && "$dbt" run --profiles-dir . >/dev/null)
  cd "$folder-dbt"
  other=$(median "$dbt" run --profiles-dir .)
  cd "$folder"
  row "\`plan\` of $models models, nothing new" "$(median "$hw" plan)" "$other"
  row "\`run\` of $models models, nothing new" "$(median "$hw" run)" "$other"
done
