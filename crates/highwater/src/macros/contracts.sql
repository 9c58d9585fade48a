{# Contracts: what a model promises about its columns, checked before it is built, and the constraints of its table. #}

{% macro get_table_columns_and_constraints() -%}
  {% do return(adapter.dispatch('get_table_columns_and_constraints', 'dbt')()) %}
{%- endmacro %}
{% macro default__get_table_columns_and_constraints() -%}{% do return(table_columns_and_constraints()) %}{%- endmacro %}

{% macro table_columns_and_constraints() -%}
  {%- set parts = adapter.render_raw_columns_constraints(raw_columns=model['columns'])
    + adapter.render_raw_model_constraints(raw_constraints=model['constraints']) -%}
(
    {{ parts | join(',\n    ') }}
)
{%- endmacro %}

{# The promised columns by name, for an insert. #}
{% macro get_column_names() -%}
(
    {%- for column in model['columns'].values() %}
    {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ',' if not loop.last }}
    {%- endfor %}
)
{%- endmacro %}

{# The query's columns in the order of the promise. #}
{% macro get_select_subquery(sql) -%}{% do return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) %}{%- endmacro %}
{% macro default__get_select_subquery(sql) -%}
select
    {%- for column in model['columns'].values() %}
    {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ',' if not loop.last }}
    {%- endfor %}
from (
{{ sql }}
) as model_subq
{%- endmacro %}

{% macro get_assert_columns_equivalent(sql) -%}
  {% do return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) %}
{%- endmacro %}
{% macro default__get_assert_columns_equivalent(sql) -%}{% do return(assert_columns_equivalent(sql)) %}{%- endmacro %}

{# Fails with a table of what differs when names, types or number of the columns are not those promised. #}
{% macro assert_columns_equivalent(sql) %}
  {%- set promised = model['columns'] -%}
  {%- if not promised -%}{% do exceptions.raise_contract_error([], []) %}{%- endif -%}
  {%- set given = format_columns(get_column_schema_from_query(sql, config.get('sql_header'))) -%}
  {%- set wanted = format_columns(get_column_schema_from_query(get_empty_schema_sql(promised))) -%}
  {%- set texts = wanted | map(attribute='formatted') | list -%}
  {%- set wrong = given | rejectattr('formatted', 'in', texts) | list -%}
  {%- if wrong or given | length != wanted | length -%}{% do exceptions.raise_contract_error(wanted, given) %}{%- endif -%}
{% endmacro %}

{% macro format_columns(columns) %}
  {%- set result = [] -%}
  {%- for column in columns -%}{% do result.append(adapter.dispatch('format_column', 'dbt')(column)) %}{%- endfor -%}
  {% do return(result) %}
{% endmacro %}

{% macro default__format_column(column) %}
  {% do return({'name': column.name, 'data_type': column.data_type, 'formatted': column.name | lower ~ ' ' ~ column.data_type}) %}
{% endmacro %}

{% macro get_empty_schema_sql(columns) -%}{% do return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) %}{%- endmacro %}
{% macro default__get_empty_schema_sql(columns) -%}
  {%- set untyped = columns.values() | rejectattr('data_type') | map(attribute='name') | list -%}
  {%- if untyped -%}{% do exceptions.column_type_missing(column_names=untyped) %}{%- endif -%}
select
    {%- for column in columns.values() %}
    {{ cast('null', column['data_type']) }} as {{ adapter.quote(column['name']) if column.get('quote') else column['name'] }}{{ ',' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
