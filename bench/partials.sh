#!/usr/bin/env bash
# Models with partial aggregates per day, beside the same without; see partials.py for what is measured.
source "$(dirname "$0")/lib.sh"
exec "$work/dbt/bin/python" "$repository/bench/partials.py" --hw "$hw" --work "$work/partials" "$@"
