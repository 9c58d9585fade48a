{# Snapshots: every version that a row ever had, with the time from which and until which it held.

   A run stages what changed (new rows and new versions as 'insert', ends of versions as 'update' and 'delete'), then
   closes versions and adds new ones. A strategy says what a change is: snapshot_<name>_strategy. #}

{% macro get_snapshot_table_column_names() %}
  {% do return({
    'dbt_valid_from': 'dbt_valid_from', 'dbt_valid_to': 'dbt_valid_to', 'dbt_scd_id': 'dbt_scd_id',
    'dbt_updated_at': 'dbt_updated_at', 'dbt_is_deleted': 'dbt_is_deleted'
  }) %}
{% endmacro %}

{% macro snapshot_columns() %}
  {% do return(config.get('snapshot_table_column_names') or get_snapshot_table_column_names()) %}
{% endmacro %}

{# Strategies. #}

{% macro strategy_dispatch(name) %}
  {%- set parts = name.split('.') -%}
  {%- set macros = context if parts | length == 1 else context.get(parts[0]) -%}
  {%- set wanted = 'snapshot_' ~ parts[-1] ~ '_strategy' -%}
  {%- if not macros -%}
    {% do exceptions.raise_compiler_error("there is no package '" ~ parts[0] ~ "' for the snapshot strategy '" ~ name ~ "'") %}
  {%- elif not macros[wanted] -%}
    {% do exceptions.raise_compiler_error("no macro '" ~ wanted ~ "' was found for the snapshot strategy '" ~ name ~ "'") %}
  {%- endif -%}
  {% do return(macros[wanted]) %}
{% endmacro %}

{% macro snapshot_hash_arguments(args) -%}{% do return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) %}{%- endmacro %}
{% macro default__snapshot_hash_arguments(args) -%}
md5({% for arg in args %}coalesce(cast({{ arg }} as varchar), ''){{ " || '|' || " if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro get_true_sql() %}{% do return(adapter.dispatch('get_true_sql', 'dbt')()) %}{% endmacro %}
{% macro default__get_true_sql() %}{% do return('true') %}{% endmacro %}

{% macro snapshot_strategy_of(row_changed, updated_at) %}
  {%- set hard_deletes = adapter.get_hard_deletes_behavior(config) -%}
  {% do return({
    'unique_key': config.get('unique_key'),
    'updated_at': updated_at,
    'row_changed': row_changed,
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(config.get('unique_key'), updated_at)),
    'invalidate_hard_deletes': hard_deletes == 'invalidate',
    'hard_deletes': hard_deletes
  }) %}
{% endmacro %}

{# A row has changed when its updated_at lies after the beginning of the version that is kept. #}
{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set updated_at = config.get('updated_at') -%}
  {%- set begin = snapshotted_rel ~ '.' ~ snapshot_columns().dbt_valid_from -%}
  {% do return(snapshot_strategy_of('(' ~ begin ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')', updated_at)) %}
{% endmacro %}

{# A row has changed when one of the columns differs, or when a column is new. #}
{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set new, columns = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
  {%- set differences = [get_true_sql()] if new else [] -%}
  {%- for column in columns or [] if not new -%}
    {%- set old, now = snapshotted_rel ~ '.' ~ column, current_rel ~ '.' ~ column -%}
    {% do differences.append(
      old ~ ' != ' ~ now ~ ' or (' ~ old ~ ' is null and ' ~ now ~ ' is not null) or (' ~ old ~ ' is not null and ' ~ now ~ ' is null)'
    ) %}
  {%- endfor -%}
  {% do return(snapshot_strategy_of('(' ~ (differences | join(' or ')) ~ ')', config.get('updated_at') or snapshot_get_time())) %}
{% endmacro %}

{# Whether a column to check is missing in the snapshot, and those that are there, quoted. #}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) %}
  {%- if not target_exists -%}{% do return((false, none)) %}{%- endif -%}
  {%- set query = node['compiled_code'] -%}
  {%- if check_cols_config != 'all' -%}
    {%- if check_cols_config is string or not check_cols_config -%}
      {% do exceptions.raise_compiler_error("check_cols must be 'all' or a list of columns, not " ~ check_cols_config) %}
    {%- endif -%}
    {%- set query = 'select ' ~ (check_cols_config | join(', ')) ~ ' from (\n' ~ query ~ '\n) as checked' -%}
  {%- endif -%}
  {%- set target = adapter.get_relation(database=node.database, schema=node.schema, identifier=node.alias) -%}
  {%- set known = adapter.get_columns_in_relation(target) | map(attribute='name') | list -%}
  {%- set found = [] -%}
  {%- set asked = get_columns_in_query(query) -%}
  {%- for column in asked if column in known -%}{% do found.append(adapter.quote(column)) %}{%- endfor -%}
  {% do return((found | length < asked | length, found)) %}
{% endmacro %}

{# The key: one column or several, each under a name of its own. #}

{% macro unique_key_fields(unique_key) -%}
{%- if unique_key | is_list -%}
  {%- for key in unique_key %}{{ key }} as dbt_unique_key_{{ loop.index }}{{ ', ' if not loop.last }}{% endfor -%}
{%- else -%}{{ unique_key }} as dbt_unique_key{%- endif -%}
{%- endmacro %}

{% macro unique_key_join_on(unique_key, identifier, from_identifier) -%}
{%- if unique_key | is_list -%}
  {%- for key in unique_key -%}
    {{ equals(identifier ~ '.dbt_unique_key_' ~ loop.index, from_identifier ~ '.dbt_unique_key_' ~ loop.index) }}{{ ' and ' if not loop.last }}
  {%- endfor -%}
{%- else -%}{{ identifier }}.dbt_unique_key = {{ from_identifier }}.dbt_unique_key{%- endif -%}
{%- endmacro %}

{% macro unique_key_is_null(unique_key, identifier) -%}
{{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is null
{%- endmacro %}
{% macro unique_key_is_not_null(unique_key, identifier) -%}
{{ identifier }}.dbt_unique_key{{ '_1' if unique_key | is_list }} is not null
{%- endmacro %}

{# The end of a version that still holds: NULL, or dbt_valid_to_current. Written so that its type is that of updated_at. #}
{% macro get_dbt_valid_to_current(strategy, columns) -%}
coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }}) as {{ columns.dbt_valid_to }}
{%- endmacro %}

{# Whether a version still holds. #}
{% macro snapshot_is_open(valid_to) -%}
{%- set current = config.get('dbt_valid_to_current') -%}
{%- if current -%}({{ equals(valid_to, current) }} or {{ valid_to }} is null){%- else -%}{{ valid_to }} is null{%- endif -%}
{%- endmacro %}

{# The queries. #}

{% macro build_snapshot_table(strategy, sql) -%}{% do return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) %}{%- endmacro %}
{% macro default__build_snapshot_table(strategy, sql) -%}
{%- set columns = snapshot_columns() -%}
select *,
  {{ strategy.scd_id }} as {{ columns.dbt_scd_id }},
  {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
  {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
  {{ get_dbt_valid_to_current(strategy, columns) }}
  {%- if strategy.hard_deletes == 'new_record' %},
  'False' as {{ columns.dbt_is_deleted }}
  {%- endif %}
from (
{{ sql }}
) as snapshot_query
{%- endmacro %}

{% macro snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {% do return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) %}
{%- endmacro %}

{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
{%- set columns = snapshot_columns() -%}
{%- set key = strategy.unique_key -%}
{%- set fields = unique_key_fields(key) -%}
{%- set keeps_deleted = strategy.hard_deletes == 'new_record' -%}
{%- set joined = unique_key_join_on(key, 'snapshotted_data', 'source_data') -%}
{%- set changed -%}
  {{ strategy.row_changed }}{% if keeps_deleted %} or snapshotted_data.{{ columns.dbt_is_deleted }} = 'True'{% endif %}
{%- endset -%}
with snapshot_query as (
{{ source_sql }}
),
snapshotted_data as (
  select *, {{ fields }} from {{ target_relation }} where {{ snapshot_is_open(columns.dbt_valid_to) }}
),
insertions_source_data as (
  select *, {{ fields }},
    {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
    {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
    {{ get_dbt_valid_to_current(strategy, columns) }},
    {{ strategy.scd_id }} as {{ columns.dbt_scd_id }}
  from snapshot_query
),
updates_source_data as (
  select *, {{ fields }},
    {{ strategy.updated_at }} as {{ columns.dbt_updated_at }},
    {{ strategy.updated_at }} as {{ columns.dbt_valid_from }},
    {{ strategy.updated_at }} as {{ columns.dbt_valid_to }}
  from snapshot_query
)
select 'insert' as dbt_change_type, source_data.*
  {%- if keeps_deleted %}, 'False' as {{ columns.dbt_is_deleted }}{% endif %}
from insertions_source_data as source_data
left join snapshotted_data on {{ joined }}
where {{ unique_key_is_null(key, 'snapshotted_data') }}
  or ({{ unique_key_is_not_null(key, 'snapshotted_data') }} and ({{ changed }}))
union all
select 'update' as dbt_change_type, source_data.*, snapshotted_data.{{ columns.dbt_scd_id }}
  {%- if keeps_deleted %}, snapshotted_data.{{ columns.dbt_is_deleted }}{% endif %}
from updates_source_data as source_data
join snapshotted_data on {{ joined }}
where {{ changed }}
{%- if strategy.hard_deletes in ['invalidate', 'new_record'] %}
{{ snapshot_deletes(strategy, source_sql, target_relation, columns, joined) }}
{%- endif -%}
{%- endmacro %}

{# What is gone from the source: the end of its last version, and with new_record a version that says so. #}
{% macro snapshot_deletes(strategy, source_sql, target_relation, columns, joined) -%}
{%- set key = strategy.unique_key -%}
{%- set now = snapshot_get_time() -%}
{%- set keeps_deleted = strategy.hard_deletes == 'new_record' -%}
{%- set gone -%}
from snapshotted_data
left join (select *, {{ unique_key_fields(key) }} from snapshot_query) as source_data on {{ joined }}
where {{ unique_key_is_null(key, 'source_data') }}
  {%- if keeps_deleted %}
  and not (snapshotted_data.{{ columns.dbt_is_deleted }} = 'True' and {{ snapshot_is_open('snapshotted_data.' ~ columns.dbt_valid_to) }})
  {%- endif %}
{%- endset -%}
union all
select 'delete' as dbt_change_type, source_data.*,
  {{ now }} as {{ columns.dbt_valid_from }}, {{ now }} as {{ columns.dbt_updated_at }}, {{ now }} as {{ columns.dbt_valid_to }},
  snapshotted_data.{{ columns.dbt_scd_id }}{% if keeps_deleted %}, snapshotted_data.{{ columns.dbt_is_deleted }}{% endif %}
{{ gone }}
{%- if keeps_deleted %}
{%- set known = get_columns_in_relation(target_relation) | map(attribute='name') | list %}
union all
select 'insert' as dbt_change_type,
  {%- for column in get_columns_in_query(source_sql) %}
  {{ 'snapshotted_data' if column in known else 'source_data' }}.{{ adapter.quote(column) }},
  {%- endfor %}
  {%- if key | is_list %}{% for column in key %} snapshotted_data.dbt_unique_key_{{ loop.index }},{% endfor %}
  {%- else %} snapshotted_data.dbt_unique_key,{% endif %}
  {{ now }} as {{ columns.dbt_valid_from }}, {{ now }} as {{ columns.dbt_updated_at }},
  snapshotted_data.{{ columns.dbt_valid_to }} as {{ columns.dbt_valid_to }},
  {{ snapshot_hash_arguments([columns.dbt_scd_id, now]) }} as {{ columns.dbt_scd_id }}, 'True' as {{ columns.dbt_is_deleted }}
{{ gone }}
{%- endif -%}
{%- endmacro %}

{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
  {%- set staged = make_temp_relation(target_relation) -%}
  {%- call statement('build_snapshot_staging_relation') -%}
    {{ create_table_as(true, staged, snapshot_staging_table(strategy, sql, target_relation)) }}
  {%- endcall -%}
  {% do return(staged) %}
{% endmacro %}

{% macro snapshot_merge_sql(target, source, insert_cols) -%}
  {% do return(adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols)) %}
{%- endmacro %}

{# In two statements, which every engine knows. #}
{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
{%- set columns = snapshot_columns() -%}
update {{ target }} as DBT_INTERNAL_DEST
set {{ columns.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ columns.dbt_valid_to }}
from {{ source }} as DBT_INTERNAL_SOURCE
where cast(DBT_INTERNAL_SOURCE.{{ columns.dbt_scd_id }} as text) = cast(DBT_INTERNAL_DEST.{{ columns.dbt_scd_id }} as text)
  and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
  and {{ snapshot_is_open('DBT_INTERNAL_DEST.' ~ columns.dbt_valid_to) }};
insert into {{ target }} ({{ insert_cols | join(', ') }})
select {% for column in insert_cols %}DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
from {{ source }} as DBT_INTERNAL_SOURCE
where DBT_INTERNAL_SOURCE.dbt_change_type = 'insert';
{%- endmacro %}

{% macro create_columns(relation, columns) %}{% do return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) %}{% endmacro %}
{% macro default__create_columns(relation, columns) %}
  {%- for column in columns -%}
    {%- call statement() -%}
      alter table {{ relation.render() }} add column {{ adapter.quote(column.name) }} {{ column.data_type }}
    {%- endcall -%}
  {%- endfor -%}
{% endmacro %}

{% macro post_snapshot(staging_relation) %}{% do return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) %}{% endmacro %}
{% macro default__post_snapshot(staging_relation) %}{% do adapter.drop_relation(staging_relation) %}{% endmacro %}

{# The type of the engine's clock and of updated_at should be the same: to compare them would else convert one. #}
{% macro check_time_data_types(sql) %}
  {%- set types = {} -%}
  {%- for column in get_column_schema_from_query(sql) if column.name | lower == 'dbt_updated_at' -%}
    {% do types.update({'column': column.data_type}) %}
  {%- endfor -%}
  {%- for column in get_column_schema_from_query('select ' ~ snapshot_get_time() ~ ' as moment') -%}
    {% do types.update({'clock': column.data_type}) %}
  {%- endfor -%}
  {%- if types.column and types.clock and types.column != types.clock -%}
    {% do exceptions.warn_snapshot_timestamp_data_types(types.clock, types.column) %}
  {%- endif -%}
{% endmacro %}

{# Brings a snapshot that exists forward; returns the statements, and the staged changes. #}
{% macro snapshot_changes(strategy, target) %}
  {% do adapter.assert_valid_snapshot_target_given_strategy(target, snapshot_columns(), strategy) %}
  {%- set staged = build_snapshot_staging_table(strategy, sql, target) -%}
  {% do adapter.expand_target_column_types(from_relation=staged, to_relation=target) %}
  {%- set helpers = ['dbt_change_type', 'DBT_CHANGE_TYPE', 'dbt_unique_key', 'DBT_UNIQUE_KEY'] -%}
  {%- if strategy.unique_key | is_list -%}
    {%- for key in strategy.unique_key -%}
      {% do helpers.append('dbt_unique_key_' ~ loop.index) %}{% do helpers.append('DBT_UNIQUE_KEY_' ~ loop.index) %}
    {%- endfor -%}
  {%- endif -%}
  {% do create_columns(target, adapter.get_missing_columns(staged, target) | rejectattr('name', 'in', helpers) | list) %}
  {%- set quoted = [] -%}
  {%- for column in adapter.get_columns_in_relation(staged) if column.name not in helpers -%}
    {% do quoted.append(adapter.quote(column.name)) %}
  {%- endfor -%}
  {% do return((snapshot_merge_sql(target=target, source=staged, insert_cols=quoted), staged)) %}
{% endmacro %}

{% materialization snapshot, default %}
  {%- set exists, target = get_or_create_relation(model.database, model.schema, model.alias, 'table') -%}
  {%- if not target.is_table -%}{% do exceptions.relation_wrong_type(target, 'table') %}{%- endif -%}
  {% do run_hooks(pre_hooks, inside_transaction=false) %}
  {% do run_hooks(pre_hooks, inside_transaction=true) %}
  {%- set strategy = strategy_dispatch(config.get('strategy'))(model, 'snapshotted_data', 'source_data', model['config'], exists) -%}
  {%- if exists -%}
    {%- set statements, staged = snapshot_changes(strategy, target) -%}
    {% do check_time_data_types(snapshot_staging_table(strategy, sql, target)) %}
  {%- else -%}
    {%- set query = build_snapshot_table(strategy, model['compiled_code']) -%}
    {%- set statements = create_table_as(false, target, query) -%}
    {% do check_time_data_types(query) %}
  {%- endif -%}
  {%- call statement('main') -%}{{ statements }}{%- endcall -%}
  {% do apply_grants(target, config.get('grants'), should_revoke=should_revoke(exists, full_refresh_mode=false)) %}
  {% do persist_docs(target, model) %}
  {%- if not exists -%}{% do create_indexes(target) %}{%- endif -%}
  {% do run_hooks(post_hooks, inside_transaction=true) %}
  {% do adapter.commit() %}
  {%- if staged is defined -%}{% do post_snapshot(staged) %}{%- endif -%}
  {% do run_hooks(post_hooks, inside_transaction=false) %}
  {% do return({'relations': [target]}) %}
{% endmaterialization %}
