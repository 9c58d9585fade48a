{# Making, finding and changing tables and views. #}

{% macro create_schema(relation) %}{% do return(adapter.dispatch('create_schema', 'dbt')(relation)) %}{% endmacro %}
{% macro default__create_schema(relation) %}{% do adapter.create_schema(relation) %}{% endmacro %}
{% macro drop_schema(relation) %}{% do return(adapter.dispatch('drop_schema', 'dbt')(relation)) %}{% endmacro %}
{% macro default__drop_schema(relation) %}{% do adapter.drop_schema(relation) %}{% endmacro %}
{% macro drop_relation(relation) %}{% do return(adapter.dispatch('drop_relation', 'dbt')(relation)) %}{% endmacro %}
{% macro default__drop_relation(relation) %}{% do adapter.drop_relation(relation) %}{% endmacro %}
{% macro rename_relation(from_relation, to_relation) %}{% do return(adapter.dispatch('rename_relation', 'dbt')(from_relation, to_relation)) %}{% endmacro %}
{% macro default__rename_relation(from_relation, to_relation) %}{% do adapter.rename_relation(from_relation, to_relation) %}{% endmacro %}
{% macro truncate_relation(relation) %}{% do return(adapter.dispatch('truncate_relation', 'dbt')(relation)) %}{% endmacro %}
{% macro default__truncate_relation(relation) %}{% do adapter.truncate_relation(relation) %}{% endmacro %}

{% macro drop_relation_if_exists(relation) %}
  {%- if relation is not none -%}{% do adapter.drop_relation(relation) %}{%- endif -%}
{% endmacro %}

{% macro load_cached_relation(relation) %}
  {% do return(adapter.get_relation(database=relation.database, schema=relation.schema, identifier=relation.identifier)) %}
{% endmacro %}

{% macro load_relation(relation) %}{% do return(load_cached_relation(relation)) %}{% endmacro %}

{% macro get_or_create_relation(database, schema, identifier, type) %}
  {% do return(adapter.dispatch('get_or_create_relation', 'dbt')(database, schema, identifier, type)) %}
{% endmacro %}
{% macro default__get_or_create_relation(database, schema, identifier, type) %}
  {%- set existing = adapter.get_relation(database=database, schema=schema, identifier=identifier) -%}
  {%- if existing -%}{% do return([true, existing]) %}{%- endif -%}
  {% do return([false, api.Relation.create(database=database, schema=schema, identifier=identifier, type=type)]) %}
{% endmacro %}

{% macro list_relations_without_caching(schema_relation) %}
  {% do return(adapter.dispatch('list_relations_without_caching', 'dbt')(schema_relation)) %}
{% endmacro %}
{% macro default__list_relations_without_caching(schema_relation) %}
  {% do return(adapter.list_relations_without_caching(schema_relation)) %}
{% endmacro %}

{% macro list_schemas(database) %}{% do return(adapter.dispatch('list_schemas', 'dbt')(database)) %}{% endmacro %}
{% macro default__list_schemas(database) %}{% do return(adapter.list_schemas(database)) %}{% endmacro %}
{% macro check_schema_exists(information_schema, schema) %}
  {% do return(adapter.dispatch('check_schema_exists', 'dbt')(information_schema, schema)) %}
{% endmacro %}
{% macro default__check_schema_exists(information_schema, schema) %}
  {% do return(adapter.check_schema_exists(information_schema.database, schema)) %}
{% endmacro %}
{% macro information_schema_name(database=none) -%}{% do return(adapter.dispatch('information_schema_name', 'dbt')(database)) %}{%- endmacro %}
{% macro default__information_schema_name(database) -%}
  {{ adapter.quote(database) ~ '.' if database }}information_schema
{%- endmacro %}

{% macro get_columns_in_relation(relation) %}{% do return(adapter.dispatch('get_columns_in_relation', 'dbt')(relation)) %}{% endmacro %}
{% macro default__get_columns_in_relation(relation) %}{% do return(adapter.get_columns_in_relation(relation)) %}{% endmacro %}

{# The header runs by itself: what asks for the columns of a query takes one statement. #}
{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {% do return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) %}
{%- endmacro %}
{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  {%- if select_sql_header is not none -%}{% do run_query(select_sql_header) %}{%- endif -%}
  select * from (
    {{ select_sql }}
  ) as __dbt_sbq
  where false
  limit 0
{%- endmacro %}

{% macro get_column_schema_from_query(select_sql, select_sql_header=none) %}
  {% do return(adapter.get_column_schema_from_query(get_empty_subquery_sql(select_sql, select_sql_header))) %}
{% endmacro %}

{% macro get_columns_in_query(select_sql) %}{% do return(adapter.dispatch('get_columns_in_query', 'dbt')(select_sql)) %}{% endmacro %}
{% macro default__get_columns_in_query(select_sql) %}
  {% do return(get_column_schema_from_query(select_sql) | map(attribute='name') | list) %}
{% endmacro %}

{% macro make_intermediate_relation(base_relation, suffix='__dbt_tmp') %}
  {% do return(adapter.dispatch('make_intermediate_relation', 'dbt')(base_relation, suffix)) %}
{% endmacro %}
{% macro default__make_intermediate_relation(base_relation, suffix) %}
  {% do return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix})) %}
{% endmacro %}

{% macro make_backup_relation(base_relation, backup_relation_type, suffix='__dbt_backup') %}
  {% do return(adapter.dispatch('make_backup_relation', 'dbt')(base_relation, backup_relation_type, suffix)) %}
{% endmacro %}
{% macro default__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {% do return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type=backup_relation_type)) %}
{% endmacro %}

{# A temporary table lives in the session: no database, no schema. #}
{% macro make_temp_relation(base_relation, suffix='__dbt_tmp') %}
  {% do return(adapter.dispatch('make_temp_relation', 'dbt')(base_relation, suffix)) %}
{% endmacro %}
{% macro default__make_temp_relation(base_relation, suffix) %}
  {%- set name = base_relation.identifier ~ suffix ~ py_current_timestring() -%}
  {% do return(base_relation.incorporate(path={'database': none, 'schema': none, 'identifier': name})) %}
{% endmacro %}

{# What is given by name (`partitioned_by`, `sorted_by`) is for engines that know it. #}
{% macro create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {% do return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code, language, **kwargs)) %}
{%- endmacro %}

{#- With a contract the table is made first, with types and constraints, then filled. Temporary tables have no constraints. #}
{% macro default__create_table_as(temporary, relation, compiled_code, language='sql') -%}
{%- set enforced = config.get('contract').enforced if config.get('contract') else false -%}
{%- if enforced -%}{{ get_assert_columns_equivalent(compiled_code) }}{%- endif -%}
{%- set name = relation.include(database=not temporary, schema=not temporary) -%}
{{ config.get('sql_header') or '' }}
create {{ 'temporary ' if temporary }}table {{ name }}
{%- if enforced and not temporary %} {{ get_table_columns_and_constraints() }};
insert into {{ name }} {{ get_column_names() }} (
{{ get_select_subquery(compiled_code) }}
)
{%- else %} as (
{{ compiled_code }}
)
{%- endif %};
{%- endmacro %}

{% macro create_view_as(relation, sql) -%}
  {% do return(adapter.dispatch('create_view_as', 'dbt')(relation, sql)) %}
{%- endmacro %}

{% macro default__create_view_as(relation, sql) -%}
{%- if config.get('contract') and config.get('contract').enforced -%}{{ get_assert_columns_equivalent(sql) }}{%- endif -%}
{{ config.get('sql_header') or '' }}
create view {{ relation }} as (
{{ sql }}
);
{%- endmacro %}

{# What `show` runs. #}
{% macro get_show_sql(compiled_code, sql_header, limit) -%}
{{ sql_header ~ '\n' if sql_header is not none }}{{ get_limit_sql(compiled_code, limit) }}
{%- endmacro %}
{% macro get_limit_sql(sql, limit) %}{% do return(adapter.dispatch('get_limit_sql', 'dbt')(sql, limit)) %}{% endmacro %}
{% macro default__get_limit_sql(sql, limit) -%}
{{ sql }}{{ '\nlimit ' ~ limit if limit is not none }}
{%- endmacro %}
{% macro get_limit_subquery_sql(sql, limit) %}{% do return(get_limit_sql(sql, limit)) %}{% endmacro %}

{% macro get_create_table_as_sql(temporary, relation, sql) -%}
  {% do return(adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql)) %}
{%- endmacro %}
{% macro default__get_create_table_as_sql(temporary, relation, sql) -%}{% do return(create_table_as(temporary, relation, sql)) %}{%- endmacro %}
{% macro get_create_view_as_sql(relation, sql) -%}{% do return(adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql)) %}{%- endmacro %}
{% macro default__get_create_view_as_sql(relation, sql) -%}{% do return(create_view_as(relation, sql)) %}{%- endmacro %}

{% macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) %}
  {% do return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) %}
{% endmacro %}
{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {%- for column in add_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) %}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {% do run_query('alter table ' ~ relation ~ ' drop column ' ~ column.quoted) %}
  {%- endfor -%}
{% endmacro %}

{% macro alter_column_type(relation, column_name, new_column_type) %}
  {% do return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) %}
{% endmacro %}
{% macro default__alter_column_type(relation, column_name, new_column_type) %}
  {% do run_query('alter table ' ~ relation ~ ' alter column ' ~ adapter.quote(column_name) ~ ' set data type ' ~ new_column_type) %}
{% endmacro %}

{# `{% call set_sql_header(config) %}`: what runs before the statements of a node. #}
{% macro set_sql_header(config) %}{% do config.set('sql_header', caller()) %}{% endmacro %}
