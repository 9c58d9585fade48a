{# Statements that drop, rename and replace relations, and views replaced in place: what materializations of packages are made of. #}

{% macro drop_table(relation) -%}{% do return(adapter.dispatch('drop_table', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__drop_table(relation) -%}drop table if exists {{ relation }} cascade{%- endmacro %}
{% macro drop_view(relation) -%}{% do return(adapter.dispatch('drop_view', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__drop_view(relation) -%}drop view if exists {{ relation }} cascade{%- endmacro %}
{% macro drop_materialized_view(relation) -%}{% do return(adapter.dispatch('drop_materialized_view', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__drop_materialized_view(relation) -%}drop materialized view if exists {{ relation }} cascade{%- endmacro %}

{% macro get_drop_sql(relation) -%}{% do return(adapter.dispatch('get_drop_sql', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__get_drop_sql(relation) -%}
  {%- if relation.is_view -%}{{ drop_view(relation) }}
  {%- elif relation.is_table -%}{{ drop_table(relation) }}
  {%- elif relation.is_materialized_view -%}{{ drop_materialized_view(relation) }}
  {%- else -%}drop {{ relation.type }} if exists {{ relation }} cascade
  {%- endif -%}
{%- endmacro %}

{% macro get_create_sql(relation, sql) -%}{% do return(adapter.dispatch('get_create_sql', 'dbt')(relation, sql)) %}{%- endmacro %}
{% macro default__get_create_sql(relation, sql) -%}
  {%- if relation.is_view -%}{{ get_create_view_as_sql(relation, sql) }}
  {%- elif relation.is_table -%}{{ get_create_table_as_sql(false, relation, sql) }}
  {%- elif relation.is_materialized_view -%}{{ get_create_materialized_view_as_sql(relation, sql) }}
  {%- else -%}{% do exceptions.raise_compiler_error('get_create_sql makes no relation of the type ' ~ relation.type) %}
  {%- endif -%}
{%- endmacro %}

{% macro get_rename_sql(relation, new_name) -%}{% do return(adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name)) %}{%- endmacro %}
{% macro default__get_rename_sql(relation, new_name) -%}
  {%- if relation.is_view -%}{{ get_rename_view_sql(relation, new_name) }}
  {%- elif relation.is_materialized_view -%}{{ get_rename_materialized_view_sql(relation, new_name) }}
  {%- else -%}{{ get_rename_table_sql(relation, new_name) }}
  {%- endif -%}
{%- endmacro %}
{% macro get_rename_table_sql(relation, new_name) -%}{% do return(adapter.dispatch('get_rename_table_sql', 'dbt')(relation, new_name)) %}{%- endmacro %}
{% macro default__get_rename_table_sql(relation, new_name) -%}alter table {{ relation }} rename to {{ adapter.quote(new_name) }}{%- endmacro %}
{% macro get_rename_view_sql(relation, new_name) -%}{% do return(adapter.dispatch('get_rename_view_sql', 'dbt')(relation, new_name)) %}{%- endmacro %}
{% macro default__get_rename_view_sql(relation, new_name) -%}alter view {{ relation }} rename to {{ adapter.quote(new_name) }}{%- endmacro %}
{% macro get_rename_materialized_view_sql(relation, new_name) -%}
  {% do return(adapter.dispatch('get_rename_materialized_view_sql', 'dbt')(relation, new_name)) %}
{%- endmacro %}
{% macro default__get_rename_materialized_view_sql(relation, new_name) -%}
alter materialized view {{ relation }} rename to {{ adapter.quote(new_name) }}
{%- endmacro %}

{% macro get_create_materialized_view_as_sql(relation, sql) -%}
  {% do return(adapter.dispatch('get_create_materialized_view_as_sql', 'dbt')(relation, sql)) %}
{%- endmacro %}
{% macro default__get_create_materialized_view_as_sql(relation, sql) -%}
  {% do exceptions.raise_compiler_error('materialized views are not made on ' ~ adapter.type()) %}
{%- endmacro %}
{% macro postgres__get_create_materialized_view_as_sql(relation, sql) -%}create materialized view if not exists {{ relation }} as {{ sql }};{%- endmacro %}
{% macro refresh_materialized_view(relation) -%}{% do return(adapter.dispatch('refresh_materialized_view', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__refresh_materialized_view(relation) -%}
  {% do exceptions.raise_compiler_error('materialized views are not refreshed on ' ~ adapter.type()) %}
{%- endmacro %}
{% macro postgres__refresh_materialized_view(relation) -%}refresh materialized view {{ relation }}{%- endmacro %}

{# A new relation beside the old one, then names change hands. #}
{% macro get_create_intermediate_sql(relation, sql) -%}
  {% do return(adapter.dispatch('get_create_intermediate_sql', 'dbt')(relation, sql)) %}
{%- endmacro %}
{% macro default__get_create_intermediate_sql(relation, sql) -%}
{%- set beside = make_intermediate_relation(relation) -%}
{{ get_drop_sql(beside) }};
{{ get_create_sql(beside, sql) }}
{%- endmacro %}
{% macro get_rename_intermediate_sql(relation) -%}{% do return(adapter.dispatch('get_rename_intermediate_sql', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__get_rename_intermediate_sql(relation) -%}{{ get_rename_sql(make_intermediate_relation(relation), relation.identifier) }}{%- endmacro %}
{% macro get_create_backup_sql(relation) -%}{% do return(adapter.dispatch('get_create_backup_sql', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__get_create_backup_sql(relation) -%}
{%- set backup = make_backup_relation(relation, relation.type) -%}
{{ get_drop_sql(backup) }};
{{ get_rename_sql(relation, backup.identifier) }}
{%- endmacro %}
{% macro get_drop_backup_sql(relation) -%}{% do return(adapter.dispatch('get_drop_backup_sql', 'dbt')(relation)) %}{%- endmacro %}
{% macro default__get_drop_backup_sql(relation) -%}{{ get_drop_sql(make_backup_relation(relation, relation.type)) }}{%- endmacro %}

{% macro get_replace_sql(existing_relation, target_relation, sql) -%}
  {% do return(adapter.dispatch('get_replace_sql', 'dbt')(existing_relation, target_relation, sql)) %}
{%- endmacro %}
{% macro default__get_replace_sql(existing_relation, target_relation, sql) -%}
{{ get_create_intermediate_sql(target_relation, sql) }};
{{ get_create_backup_sql(existing_relation) }};
{{ get_rename_intermediate_sql(target_relation) }};
{{ get_drop_backup_sql(existing_relation) }}
{%- endmacro %}

{# A view in the place of whatever is there: the whole of a materialization. #}
{% macro create_or_replace_view() %}
  {%- set target_relation = this.incorporate(type='view') -%}
  {%- set old_relation = adapter.get_relation(database=this.database, schema=this.schema, identifier=this.identifier) -%}
  {{ run_hooks(pre_hooks) }}
  {%- if old_relation is not none and old_relation.is_table -%}
    {{ handle_existing_table(should_full_refresh(), old_relation) }}
  {%- endif -%}
  {%- call statement('main') -%}{{ get_create_view_as_sql(target_relation, sql) }}{%- endcall -%}
  {{ run_hooks(post_hooks) }}
  {% do return({'relations': [target_relation]}) %}
{% endmacro %}
{% macro handle_existing_table(full_refresh, old_relation) %}
  {{ adapter.dispatch('handle_existing_table', 'dbt')(full_refresh, old_relation) }}
{% endmacro %}
{% macro default__handle_existing_table(full_refresh, old_relation) %}
  {{ log('Dropping relation ' ~ old_relation ~ ' because it is of type ' ~ old_relation.type) }}
  {% do adapter.drop_relation(old_relation) %}
{% endmacro %}

{% macro can_clone_table() -%}{% do return(adapter.dispatch('can_clone_table', 'dbt')()) %}{%- endmacro %}
{% macro default__can_clone_table() -%}{% do return(false) %}{%- endmacro %}
{% macro create_or_replace_clone(this_relation, defer_relation) -%}
  {% do return(adapter.dispatch('create_or_replace_clone', 'dbt')(this_relation, defer_relation)) %}
{%- endmacro %}
{% macro default__create_or_replace_clone(this_relation, defer_relation) -%}create or replace table {{ this_relation }} clone {{ defer_relation }}{%- endmacro %}

{% macro drop_schema_named(schema_name) %}{% do return(adapter.dispatch('drop_schema_named', 'dbt')(schema_name)) %}{% endmacro %}
{% macro default__drop_schema_named(schema_name) %}
  {% do adapter.drop_schema(api.Relation.create(database=target.database, schema=schema_name)) %}
{% endmacro %}

{% macro validate_sql(sql) -%}{% do return(adapter.dispatch('validate_sql', 'dbt')(sql)) %}{%- endmacro %}
{% macro default__validate_sql(sql) -%}
  {%- call statement('validate_sql') -%}explain {{ sql }}{%- endcall -%}
  {% do return(load_result('validate_sql')) %}
{%- endmacro %}

{% macro get_list_of_column_names(columns) -%}{% do return(columns | map(attribute='name') | list) %}{%- endmacro %}
{# The columns of a query's answer as columns of a relation. #}
{% macro sql_convert_columns_in_relation(table) -%}
  {%- set columns = [] -%}
  {%- for row in table -%}{%- do columns.append(api.Column(*row)) -%}{%- endfor -%}
  {% do return(columns) %}
{%- endmacro %}
