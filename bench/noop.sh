#!/usr/bin/env bash
# A run with nothing to do: the shop of `hw demo`, up to date, run again. Both tools on copies of the same database.
#
# dbt has no strategy `exact`; its copy of the project uses delete+insert with a window of three days, as such models usually do, so
# its run writes three days again. dbt has no run that does nothing.
#
#     bench/noop.sh
source "$(dirname "$0")/lib.sh"

shop=$work/shop
variant=$work/shop-dbt
rm -rf "$shop" "$variant"
"$hw" demo --folder "$shop" >/dev/null
cp -r "$shop" "$variant"
rm -rf "$variant/target"

# The same queries, with a strategy that dbt has and the filters that a dbt project would have.
sed -i 's/+incremental_strategy: exact/+incremental_strategy: delete+insert/' "$variant/dbt_project.yml"
cat >>"$variant/models/marts/fct_orders.sql" <<'SQL'
{% if is_incremental() %}
where orders.created_at >= (select max(created_at) - interval 3 days from {{ this }})
{% endif %}
SQL
sed -i '/^group by 1, 2$/i {% if is_incremental() %}\nwhere created_at >= (select max(order_day) - interval 3 days from {{ this }})\n{% endif %}' \
  "$variant/models/marts/daily_revenue.sql"

(cd "$variant" && "$dbt" run --profiles-dir . >"$work/output" 2>&1) || { cat "$work/output" >&2; exit 1; }

header
cd "$shop"
own=$(median "$hw" run)
cd "$variant"
other=$(median "$dbt" run --profiles-dir .)
row "\`run\` of the shop, nothing new" "$own" "$other"
cd "$shop"
own=$(median "$hw" parse)
cd "$variant"
other=$(median "$dbt" parse --profiles-dir . --no-partial-parse)
row "\`parse\` of the shop, from nothing" "$own" "$other"
