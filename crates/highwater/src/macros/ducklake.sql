{# DuckLake, attached to a DuckDB: the partitions and the order of its tables are set while they are empty, so that the first rows are laid out by them. #}

{% macro duckdb__get_partitioned_by(relation, temporary) %}
  {%- set columns = duckdb__layout('partitioned_by', 'partition_by', relation, temporary) -%}
  {% do return(columns | join(', ') if columns else none) %}
{% endmacro %}

{# Unlike partitions, which may be calls (`day(at)`), an order is made of the names of columns. #}
{% macro duckdb__get_sorted_by(relation, temporary) %}
  {%- set columns = duckdb__layout('sorted_by', 'sort_by', relation, temporary) -%}
  {% do return(get_quoted_csv(columns) if columns else none) %}
{% endmacro %}

{# What a model wants under a key of its configuration, or none: a draft that gets renamed is asked about by its final name, and a database that
   is no DuckLake has neither partitions nor order. #}
{% macro duckdb__layout(key, old_key, relation, temporary) %}
  {%- set newer = config.get(key) -%}
  {%- set value = config.get(old_key) if newer is none or newer == '' else newer -%}
  {%- if temporary or value is none or value == '' -%}{% do return(none) %}{%- endif -%}
  {%- set both = key ~ '/' ~ old_key -%}
  {%- if value is mapping -%}
    {% do exceptions.raise_compiler_error(both ~ ' must be a column or a list of columns: keep a mapping for the engine that wants it, with an if target.type') %}
  {%- endif -%}
  {%- set columns = normalize_string_or_list(value, both) -%}
  {%- if not columns -%}{% do exceptions.raise_compiler_error(both ~ ' must contain at least one column') %}{%- endif -%}
  {%- if config.get('materialized') in ['table', 'incremental'] and relation.identifier != this.identifier -%}
    {% do return(none) %}
  {%- endif -%}
  {%- if not adapter.is_ducklake(relation) -%}
    {% do adapter.warn_once(both ~ ' is only supported for DuckLake relations; ignoring for ' ~ relation) %}
    {% do return(none) %}
  {%- endif -%}
  {% do return(columns) %}
{% endmacro %}

{% macro duckdb__set_layout(relation, partitioned_by, sorted_by) -%}
{%- if partitioned_by %}
alter table {{ relation }} set partitioned by ({{ partitioned_by }});
{%- endif %}
{%- if sorted_by %}
alter table {{ relation }} set sorted by ({{ sorted_by }});
{%- endif %}
{%- endmacro %}

{# The table of a model. Whoever replaces create_table_as may know of no layout, and is told of none where there is none. #}
{% macro duckdb__get_create_table_as_sql(temporary, relation, sql) %}
  {%- set partitioned_by, sorted_by = duckdb__get_partitioned_by(this, temporary), duckdb__get_sorted_by(this, temporary) -%}
  {%- if partitioned_by or sorted_by -%}
    {% do return(create_table_as(temporary, relation, sql, partitioned_by=partitioned_by, sorted_by=sorted_by)) %}
  {%- endif -%}
  {% do return(create_table_as(temporary, relation, sql)) %}
{% endmacro %}

{# With a contract the table is made first, with types and constraints, then filled. Temporary tables have no constraints. #}
{% macro duckdb__create_table_as(temporary, relation, compiled_code, language='sql', partitioned_by=none, sorted_by=none) -%}
{%- if language == 'python' -%}{% do return(py_write_table(temporary, relation, compiled_code, partitioned_by, sorted_by)) %}{%- endif -%}
{%- if not (partitioned_by or sorted_by) -%}{% do return(default__create_table_as(temporary, relation, compiled_code, language)) %}{%- endif -%}
{%- set promised = config.get('contract') and config.get('contract').enforced -%}
{%- if promised -%}{{ get_assert_columns_equivalent(compiled_code) }}{%- endif -%}
{{ config.get('sql_header') or '' }}
create table {{ relation }}
{%- if promised %} {{ get_table_columns_and_constraints() }};
{%- else %} as (
select * from (
{{ compiled_code }}
) as model_subq
limit 0
);
{%- endif %}
{{- duckdb__set_layout(relation, partitioned_by, sorted_by) }}
insert into {{ relation }}{{ ' ' ~ get_column_names() if promised }} (
{{ get_select_subquery(compiled_code) if promised else compiled_code }}
);
{%- endmacro %}

{# The program that puts what a model in Python returns into its table, for materializations that render one. Nothing here runs Python. #}
{% macro py_write_table(temporary, relation, compiled_code, partitioned_by=none, sorted_by=none) -%}
{{ compiled_code }}

def materialize(frame, connection):
    connection.register('returned_by_model', frame)
    connection.execute("""
        create table {{ relation }} as select * from returned_by_model limit 0;
        {{- duckdb__set_layout(relation, partitioned_by, sorted_by) | indent(8) }}
        insert into {{ relation }} select * from returned_by_model
    """)
    connection.unregister('returned_by_model')
{%- endmacro %}
