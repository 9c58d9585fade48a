{# What incremental models ask, and the statements of dbt's strategies. #}

{# An exact model is written as its full rebuild: it never sees itself as incremental. #}
{% macro is_incremental() %}
  {%- if not execute or config.get('materialized') != 'incremental' or config.get('incremental_strategy') == 'exact' -%}
    {% do return(false) %}
  {%- endif -%}
  {%- set existing = load_cached_relation(this) -%}
  {% do return(existing is not none and existing.is_table and not should_full_refresh()) %}
{% endmacro %}

{% macro should_full_refresh() %}
  {%- set configured = config.get('full_refresh') -%}
  {% do return(flags.FULL_REFRESH if configured is none else configured) %}
{% endmacro %}

{% macro should_store_failures() %}
  {%- set configured = config.get('store_failures') -%}
  {% do return(flags.STORE_FAILURES if configured is none else configured) %}
{% endmacro %}

{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') %}
  {%- if on_schema_change in ['sync_all_columns', 'append_new_columns', 'fail', 'ignore'] -%}
    {% do return(on_schema_change) %}
  {%- endif -%}
  {% do log("on_schema_change '" ~ on_schema_change ~ "' is not known; using '" ~ default ~ "'") %}
  {% do return(default) %}
{% endmacro %}

{% macro check_for_schema_changes(source_relation, target_relation) %}
  {%- set new = adapter.get_columns_in_relation(source_relation) -%}
  {%- set old = adapter.get_columns_in_relation(target_relation) -%}
  {%- set added = diff_columns(new, old) -%}
  {%- set gone = diff_columns(old, new) -%}
  {%- set retyped = diff_column_data_types(new, old) -%}
  {% do return({
    'schema_changed': (added or gone or retyped) | length > 0,
    'source_not_in_target': added,
    'target_not_in_source': gone,
    'source_columns': new,
    'target_columns': old,
    'new_target_types': retyped
  }) %}
{% endmacro %}

{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
  {%- set added = schema_changes_dict['source_not_in_target'] -%}
  {%- if on_schema_change == 'append_new_columns' -%}
    {%- if added -%}{% do alter_relation_add_remove_columns(target_relation, added, none) %}{%- endif -%}
  {%- elif on_schema_change == 'sync_all_columns' -%}
    {%- set gone = schema_changes_dict['target_not_in_source'] -%}
    {%- if added or gone -%}{% do alter_relation_add_remove_columns(target_relation, added, gone) %}{%- endif -%}
    {%- for change in schema_changes_dict['new_target_types'] -%}
      {% do alter_column_type(target_relation, change['column_name'], change['new_type']) %}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{% macro process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {%- if on_schema_change == 'ignore' -%}{% do return({}) %}{%- endif -%}
  {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
  {%- if changes['schema_changed'] -%}
    {%- if on_schema_change == 'fail' -%}
      {% do exceptions.raise_compiler_error(
        'the columns of ' ~ source_relation ~ ' and ' ~ target_relation ~ ' differ, and on_schema_change is fail'
        ~ '\n  new: ' ~ (changes['source_not_in_target'] | map(attribute='name') | join(', '))
        ~ '\n  gone: ' ~ (changes['target_not_in_source'] | map(attribute='name') | join(', '))
        ~ '\n  other type: ' ~ (changes['new_target_types'] | map(attribute='column_name') | join(', '))
      ) %}
    {%- endif -%}
    {% do sync_column_schemas(on_schema_change, target_relation, changes) %}
  {%- endif -%}
  {% do return(changes['source_columns']) %}
{% endmacro %}

{% macro get_quoted_csv(column_names) %}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}{% do quoted.append(adapter.quote(name)) %}{%- endfor -%}
  {% do return(quoted | join(', ')) %}
{% endmacro %}

{% macro diff_columns(source_columns, target_columns) %}
  {%- set known = target_columns | map(attribute='name') | map('lower') | list -%}
  {%- set result = [] -%}
  {%- for column in source_columns if column.name | lower not in known -%}{% do result.append(column) %}{%- endfor -%}
  {% do return(result) %}
{% endmacro %}

{% macro diff_column_data_types(source_columns, target_columns) %}
  {%- set result = [] -%}
  {%- for new in source_columns -%}
    {%- for old in target_columns if old.name | lower == new.name | lower and old.data_type != new.data_type -%}
      {% do result.append({'column_name': old.name, 'new_type': new.data_type}) %}
    {%- endfor -%}
  {%- endfor -%}
  {% do return(result) %}
{% endmacro %}

{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
  {%- if merge_update_columns and merge_exclude_columns -%}
    {% do exceptions.raise_compiler_error('a model may set merge_update_columns or merge_exclude_columns, not both') %}
  {%- endif -%}
  {%- if merge_update_columns -%}{% do return(merge_update_columns) %}{%- endif -%}
  {%- set left_out = (merge_exclude_columns or []) | map('lower') | list -%}
  {%- set result = [] -%}
  {%- for column in dest_columns if column.name | lower not in left_out -%}{% do result.append(column.quoted) %}{%- endfor -%}
  {% do return(result) %}
{% endmacro %}

{# Strategies: get_incremental_<strategy>_sql gives the statements that put staged rows into a table. #}

{% macro get_insert_into_sql(target_relation, temp_relation, dest_columns) -%}
  {% do return(adapter.dispatch('get_insert_into_sql', 'dbt')(target_relation, temp_relation, dest_columns)) %}
{%- endmacro %}
{% macro default__get_insert_into_sql(target_relation, temp_relation, dest_columns) -%}
{%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
insert into {{ target_relation }} ({{ names }})
select {{ names }}
from {{ temp_relation }}
{%- endmacro %}

{% macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {% do return(adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates)) %}
{%- endmacro %}
{# Predicates narrow the delete alone: a row outside of them stays, and its new version is inserted beside it. #}
{% macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
{%- if unique_key -%}
{%- set keys = unique_key if unique_key is string else unique_key | join(', ') -%}
delete from {{ target }} as DBT_INTERNAL_DEST
where ({{ keys }}) in (select distinct {{ keys }} from {{ source }} as DBT_INTERNAL_SOURCE)
{%- for predicate in incremental_predicates or [] %}
  and {{ predicate }}
{%- endfor %};
{% endif -%}
{{ default__get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}
{# On DuckDB a list of keys is compared column by column. #}
{% macro duckdb__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
{%- if unique_key -%}
{%- if unique_key is string -%}
delete from {{ target }}
where ({{ unique_key }}) in (select ({{ unique_key }}) from {{ source }})
{%- else -%}
delete from {{ target }} as DBT_INCREMENTAL_TARGET
using {{ source }}
where {% for key in unique_key %}{{ source }}.{{ key }} = DBT_INCREMENTAL_TARGET.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endif -%}
{%- for predicate in incremental_predicates or [] %}
  and {{ predicate }}
{%- endfor %};
{% endif -%}
{{ default__get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}

{% macro get_incremental_append_sql(arg_dict) %}
  {% do return(adapter.dispatch('get_incremental_append_sql', 'dbt')(arg_dict)) %}
{% endmacro %}
{% macro default__get_incremental_append_sql(arg_dict) %}
  {% do return(get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns'])) %}
{% endmacro %}

{% macro get_incremental_delete_insert_sql(arg_dict) %}
  {% do return(adapter.dispatch('get_incremental_delete_insert_sql', 'dbt')(arg_dict)) %}
{% endmacro %}
{% macro default__get_incremental_delete_insert_sql(arg_dict) %}
  {% do return(get_delete_insert_merge_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'], arg_dict['incremental_predicates'])) %}
{% endmacro %}

{% macro get_incremental_merge_sql(arg_dict) %}
  {% do return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) %}
{% endmacro %}
{% macro default__get_incremental_merge_sql(arg_dict) %}
  {% do return(get_merge_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'], arg_dict['dest_columns'], arg_dict['incremental_predicates'])) %}
{% endmacro %}

{% macro get_incremental_default_sql(arg_dict) %}
  {% do return(adapter.dispatch('get_incremental_default_sql', 'dbt')(arg_dict)) %}
{% endmacro %}
{% macro default__get_incremental_default_sql(arg_dict) %}
  {%- if arg_dict['unique_key'] -%}{% do return(get_incremental_delete_insert_sql(arg_dict)) %}{%- endif -%}
  {% do return(get_incremental_append_sql(arg_dict)) %}
{% endmacro %}

{# One batch of a microbatch model replaces the rows of its window of event time. #}
{% macro get_incremental_microbatch_sql(arg_dict) %}
  {% do return(adapter.dispatch('get_incremental_microbatch_sql', 'dbt')(arg_dict)) %}
{% endmacro %}
{% macro default__get_incremental_microbatch_sql(arg_dict) %}
  {% do exceptions.raise_not_implemented('microbatch is not implemented for adapter ' ~ adapter.type()) %}
{% endmacro %}
{% macro duckdb__get_incremental_microbatch_sql(arg_dict) -%}
{%- if config.get('unique_key') -%}
  {% do exceptions.raise_compiler_error(
    "the strategy microbatch does not support 'unique_key': it replaces windows of event_time; remove it, or use merge"
  ) %}
{%- endif -%}
{%- set event_time = config.get('event_time') -%}
{%- set window = event_time ~ " >= '" ~ model.batch.event_time_start ~ "' and " ~ event_time ~ " < '" ~ model.batch.event_time_end ~ "'" -%}
delete from {{ arg_dict['target_relation'] }}
where {{ window }}
{%- for predicate in normalize_string_or_list(arg_dict['incremental_predicates'], 'incremental_predicates') %}
  and ({{ predicate }})
{%- endfor %};
{{ get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns']) }}
where {{ window }}
{%- endmacro %}
{# On Postgres a batch is merged by its key: rows that are gone from the source stay. #}
{% macro postgres__get_incremental_microbatch_sql(arg_dict) %}
  {%- if not arg_dict['unique_key'] -%}
    {% do exceptions.raise_compiler_error("dbt-postgres 'microbatch' requires a `unique_key` config") %}
  {%- endif -%}
  {% do return(get_incremental_merge_sql(arg_dict)) %}
{% endmacro %}
