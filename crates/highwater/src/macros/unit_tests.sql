{# Unit tests: given rows as queries, and the query that holds what came out beside what was expected. #}

{# Rows as a query with the columns and types of a table: this, unless types are given. #}
{% macro get_fixture_sql(rows, column_name_to_data_types) %}
  {%- set types, quoted = column_name_to_data_types or {}, {} -%}
  {%- if not types -%}
    {%- for column in adapter.get_columns_in_relation(this) -%}
      {%- do types.update({column.name | lower: column.data_type}) -%}
      {%- do quoted.update({column.name | lower: column.quoted}) -%}
    {%- endfor -%}
  {%- endif -%}
  {%- if not types -%}
    {%- do exceptions.raise_compiler_error("Not able to get columns for unit test '" ~ model.name ~ "' from relation " ~ this ~ " because the relation doesn't exist") -%}
  {%- endif -%}
  {%- set nothing = {} -%}
  {%- for name, data_type in types.items() -%}{%- do nothing.update({name: safe_cast('null', data_type) | trim}) -%}{%- endfor -%}
  {%- do validate_fixture_rows(rows, none) -%}
  {%- set queries = [] -%}
  {%- for row in rows or [{}] -%}
    {%- set values = nothing.copy() -%}
    {%- do values.update(format_row(row, types)) -%}
    {%- set parts = [] -%}
    {%- for name, value in values.items() -%}{%- do parts.append(value ~ ' as ' ~ quoted.get(name, adapter.quote(name))) -%}{%- endfor -%}
    {%- do queries.append('select ' ~ (parts | join(', '))) -%}
  {%- endfor -%}
  {{- queries | join('\nunion all\n') }}{{ '\nlimit 0' if not rows -}}
{% endmacro %}

{% macro get_expected_sql(rows, column_name_to_data_types, column_name_to_quoted) %}
  {%- set queries = [] -%}
  {%- for row in rows -%}
    {%- set parts = [] -%}
    {%- for name, value in format_row(row, column_name_to_data_types).items() -%}
      {%- do parts.append(value ~ ' as ' ~ column_name_to_quoted[name]) -%}
    {%- endfor -%}
    {%- do queries.append('select ' ~ (parts | join(', '))) -%}
  {%- endfor -%}
  {{- queries | join('\nunion all\n') if queries else 'select * from dbt_internal_unit_test_actual\nlimit 0' -}}
{% endmacro %}

{# The values of a row as SQL, each of its column's type, by lower-case name. #}
{% macro format_row(row, column_name_to_data_types) %}
  {%- set result = {} -%}
  {%- for name, value in row.items() -%}
    {%- set name = name | lower -%}
    {%- if name not in column_name_to_data_types -%}
      {%- set fixture = 'expected output' if model.resource_type == 'unit_test' else "'" ~ model.name ~ "'" -%}
      {% do exceptions.raise_compiler_error("Invalid column name: '" ~ name ~ "' in unit test fixture for " ~ fixture ~ "."
        ~ "\nAccepted columns for " ~ fixture ~ " are: " ~ (column_name_to_data_types.keys() | list)) %}
    {%- endif -%}
    {%- set data_type = column_name_to_data_types[name] -%}
    {%- if value is string -%}
      {#- A length would cut the value off without a word. -#}
      {%- set data_type = data_type.split('(')[0] if 'varying' in data_type else data_type -%}
      {%- set value = string_literal(escape_single_quotes(value)) -%}
    {%- elif value is none -%}
      {%- set value = 'null' -%}
    {%- endif -%}
    {% do result.update({name: safe_cast(value, data_type) | trim}) %}
  {%- endfor -%}
  {% do return(result) %}
{% endmacro %}

{% macro validate_fixture_rows(rows, row_number) %}
  {% do return(adapter.dispatch('validate_fixture_rows', 'dbt')(rows, row_number)) %}
{% endmacro %}
{% macro default__validate_fixture_rows(rows, row_number) %}{% endmacro %}

{% macro get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) %}
  {% do return(adapter.dispatch('get_unit_test_sql', 'dbt')(main_sql, expected_fixture_sql, expected_column_names)) %}
{% endmacro %}
{% macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
{%- set columns = expected_column_names | join(', ') -%}
with dbt_internal_unit_test_actual as (
  select {{ columns }}, 'actual' as actual_or_expected
  from (
{{ main_sql }}
  ) as _dbt_internal_unit_test_actual
),
dbt_internal_unit_test_expected as (
  select {{ columns }}, 'expected' as actual_or_expected
  from (
{{ expected_fixture_sql }}
  ) as _dbt_internal_unit_test_expected
)
select * from dbt_internal_unit_test_actual
union all
select * from dbt_internal_unit_test_expected
{%- endmacro %}
