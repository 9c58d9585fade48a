{# The strategy merge: what matches is updated, the rest inserted; on DuckDB with clauses as a project wants them. #}

{% macro get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {% do return(adapter.dispatch('get_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates)) %}
{%- endmacro %}

{% macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
{%- set keys = [unique_key] if unique_key is string else (unique_key or []) -%}
{%- set conditions = [] + (incremental_predicates or []) -%}
{%- for key in keys -%}
  {% do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) %}
{%- endfor -%}
{%- if not keys -%}{% do conditions.append('false') %}{%- endif -%}
{%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
{{ config.get('sql_header') or '' }}
merge into {{ target }} as DBT_INTERNAL_DEST
using {{ source }} as DBT_INTERNAL_SOURCE
on ({{ conditions | join(') and (') }})
{% if keys -%}
when matched then update set
  {% for column in updated %}{{ column }} = DBT_INTERNAL_SOURCE.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
{% endif -%}
when not matched then insert ({{ dest_columns | map(attribute='quoted') | join(', ') }})
values ({% for column in dest_columns %}DBT_INTERNAL_SOURCE.{{ column.quoted }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro duckdb__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
{%- set predicates = normalize_string_or_list(incremental_predicates, 'incremental_predicates') -%}
{% do validate_merge_config(config, target) %}
{%- set clauses = config.get('merge_clauses') or {} -%}
{%- set returning = config.get('merge_returning_columns') or [] -%}
{{ config.get('sql_header') or '' }}
merge into {{ target }} as DBT_INTERNAL_DEST
using {{ source }} as DBT_INTERNAL_SOURCE
{{ duckdb__merge_join_clause(unique_key, config.get('merge_on_using_columns'), predicates) }}
{%- for clause in clauses.get('when_matched', [merge_default_update()]) %}
when matched {{ merge_condition(clause) }} then {{ merge_action(clause, dest_columns) }}
{%- endfor %}
{%- for clause in clauses.get('when_not_matched', [{'action': 'insert', 'mode': 'by_name', 'condition': config.get('merge_insert_condition')}]) %}
when not matched {{ 'by ' ~ clause['by'] if clause.get('by') }} {{ merge_condition(clause) }} then {{ merge_action(clause, dest_columns) }}
{%- endfor %}
{%- if returning %}
returning {{ returning if returning is string else returning | join(', ') }}
{%- endif %}
{%- endmacro %}

{# On a match: every column by its name, unless columns or expressions are chosen. #}
{% macro merge_default_update() %}
  {%- set chosen = {
    'include': config.get('merge_update_columns') or [],
    'exclude': config.get('merge_exclude_columns') or [],
    'set_expressions': config.get('merge_update_set_expressions') or {}
  } -%}
  {%- set explicit = chosen['include'] or chosen['exclude'] or chosen['set_expressions'] -%}
  {% do return({
    'action': 'update', 'mode': 'explicit' if explicit else 'by_name',
    'condition': config.get('merge_update_condition'), 'update': chosen
  }) %}
{% endmacro %}

{% macro duckdb__merge_join_clause(unique_key, merge_on_using_columns, incremental_predicates) -%}
{%- set predicates = [] + (incremental_predicates or []) -%}
{%- if merge_on_using_columns -%}
using ({{ merge_on_using_columns | join(', ') }}){{ ' on (' ~ (predicates | join(') and (')) ~ ')' if predicates }}
{%- else -%}
{%- set keys = [unique_key] if unique_key is string else (unique_key or []) -%}
{%- set conditions = [] if keys else ['false'] -%}
{%- for key in keys -%}
  {% do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) %}
{%- endfor -%}
on ({{ (conditions + predicates) | join(') and (') }})
{%- endif -%}
{%- endmacro %}

{% macro merge_condition(clause) -%}
{%- set condition = clause.get('condition') -%}
{%- if condition %}and ({{ condition if condition is string else condition | join(') and (') }}){% endif -%}
{%- endmacro %}

{% macro merge_action(clause, dest_columns) -%}
{%- set action, mode = clause.get('action'), clause.get('mode') -%}
{%- set modes = {'by_name': ' by name', 'by_position': ' by position'} -%}
{%- if action == 'update' and mode == 'star' -%}update set *
{%- elif action == 'update' and mode in modes -%}update{{ modes[mode] }}
{%- elif action == 'update' -%}
  {%- set chosen = clause.get('update', {}) -%}
  {%- set expressions = chosen.get('set_expressions', clause.get('set_expressions', {})) -%}
  {%- set parts = [] -%}
  {%- for column, expression in expressions.items() -%}{% do parts.append(column ~ ' = ' ~ expression) %}{%- endfor -%}
  {%- if mode == 'explicit' -%}
    {%- for column in get_merge_update_columns(chosen.get('include', []), chosen.get('exclude', []), dest_columns) if column | replace('"', '') not in expressions -%}
      {% do parts.append(column ~ ' = DBT_INTERNAL_SOURCE.' ~ column) %}
    {%- endfor -%}
  {%- endif -%}
update set {{ parts | join(', ') }}
{%- elif action == 'insert' and mode == 'star' -%}insert *
{%- elif action == 'insert' and mode == 'explicit' -%}
insert ({{ clause['insert']['columns'] | join(', ') }}) values ({{ clause['insert']['values'] | join(', ') }})
{%- elif action == 'insert' -%}insert{{ modes.get(mode, '') }}
{%- elif action == 'error' -%}error{% if clause.get('error_message') %} '{{ clause['error_message'] | replace("'", "''") }}'{% endif %}
{%- else -%}{{ action | replace('_', ' ') }}
{%- endif -%}
{%- endmacro %}

{% macro normalize_string_or_list(raw, field_name) %}
  {%- if raw is none -%}{% do return([]) %}{%- endif -%}
  {%- set result = [raw] if raw is string else raw -%}
  {%- if result is mapping or result is not sequence -%}
    {% do exceptions.raise_compiler_error(field_name ~ ' must be a list of strings or a string') %}
  {%- elif result | reject('string') | list -%}
    {% do exceptions.raise_compiler_error(field_name ~ ' list values must be non-empty strings') %}
  {%- endif -%}
  {% do return(result | list) %}
{% endmacro %}

{# What is wrong with the configuration of a merge, all of it at once. #}
{% macro validate_merge_config(config, target_relation=none) %}
  {%- set errors, basic = [], [] -%}
  {%- for name in ['merge_update_condition', 'merge_insert_condition'] if config.get(name) is not none -%}
    {% do basic.append(name) %}
    {%- if config.get(name) is not string -%}{% do errors.append(name ~ ' must be a string, found: ' ~ config.get(name)) %}{%- endif -%}
  {%- endfor -%}
  {%- for name in ['merge_on_using_columns', 'merge_update_columns', 'merge_exclude_columns', 'merge_returning_columns'] if config.get(name) is not none -%}
    {%- set value = config.get(name) -%}
    {%- if name in ['merge_update_columns', 'merge_exclude_columns'] and value -%}{% do basic.append(name) %}{%- endif -%}
    {%- if value is string or value is mapping or value is not sequence -%}
      {% do errors.append(name ~ ' must be a list') %}
    {%- elif value | reject('string') | list -%}
      {% do errors.append(name ~ ' must contain only string values, found: ' ~ value | reject('string') | join(', ')) %}
    {%- endif -%}
  {%- endfor -%}
  {%- set expressions = config.get('merge_update_set_expressions') -%}
  {%- if expressions is not none and expressions is not mapping -%}
    {% do errors.append('merge_update_set_expressions must be a dictionary, found: ' ~ expressions) %}
  {%- elif expressions -%}
    {% do basic.append('merge_update_set_expressions') %}
  {%- endif -%}
  {%- set clauses = config.get('merge_clauses') -%}
  {%- if clauses is not none -%}
    {%- if clauses is not mapping -%}
      {% do errors.append('merge_clauses must be a dictionary, found: ' ~ clauses) %}
    {%- elif 'when_matched' not in clauses and 'when_not_matched' not in clauses -%}
      {% do errors.append("merge_clauses must contain at least one of 'when_matched' or 'when_not_matched'") %}
    {%- else -%}
      {%- for kind in ['when_matched', 'when_not_matched'] if kind in clauses -%}
        {%- set list = clauses[kind] -%}
        {%- if list is string or list is mapping or list is not sequence -%}
          {% do errors.append('merge_clauses.' ~ kind ~ ' must be a list') %}
        {%- elif not list -%}
          {% do errors.append('merge_clauses.' ~ kind ~ ' must contain at least one element') %}
        {%- elif list | reject('mapping') | list -%}
          {% do errors.append('merge_clauses.' ~ kind ~ ' elements must be dictionaries, found: ' ~ list | reject('mapping') | join(', ')) %}
        {%- endif -%}
      {%- endfor -%}
    {%- endif -%}
    {%- if basic -%}
      {% do errors.append('with merge_clauses these basic merge configurations will be ignored and must go: ' ~ (basic | join(', '))) %}
    {%- endif -%}
  {%- endif -%}
  {%- if target_relation and adapter.is_ducklake(target_relation) -%}
    {%- if config.get('merge_returning_columns') -%}{% do errors.append('DuckLake has no RETURNING: merge_returning_columns must go') %}{%- endif -%}
    {%- set chosen = clauses if clauses is mapping else {} -%}
    {%- set changes = (chosen.get('when_matched', []) + chosen.get('when_not_matched', [])) | selectattr('action', 'in', ['update', 'delete']) | list -%}
    {%- if changes | length > 1 -%}
      {% do errors.append('a MERGE of DuckLake updates or deletes in one clause alone, and merge_clauses have ' ~ changes | length) %}
    {%- endif -%}
  {%- endif -%}
  {%- if errors -%}{% do exceptions.raise_compiler_error('MERGE configuration errors:\n' ~ (errors | join('\n'))) %}{%- endif -%}
{% endmacro %}
