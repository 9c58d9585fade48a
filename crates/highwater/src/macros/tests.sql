{# The four generic tests, and the query around every test. #}

{% macro get_where_subquery(relation) %}
  {%- set condition = config.get('where') -%}
  {%- if condition -%}
    {% do return('(select * from ' ~ relation ~ ' where ' ~ condition ~ ') dbt_subquery') %}
  {%- endif -%}
  {% do return(relation) %}
{% endmacro %}

{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  select
    {{ fail_calc }} as failures,
    {{ fail_calc }} {{ warn_if }} as should_warn,
    {{ fail_calc }} {{ error_if }} as should_error
  from (
    {{ main_sql }}
    {{ 'limit ' ~ limit if limit is not none }}
  ) as dbt_internal_test
{%- endmacro %}

{% test unique(model, column_name) %}
  {% do return(adapter.dispatch('test_unique', 'dbt')(model, column_name)) %}
{% endtest %}

{% macro default__test_unique(model, column_name) -%}
select {{ column_name }} as unique_field, count(*) as n_records
from {{ model }}
where {{ column_name }} is not null
group by {{ column_name }}
having count(*) > 1
{%- endmacro %}

{% test not_null(model, column_name) %}
  {% do return(adapter.dispatch('test_not_null', 'dbt')(model, column_name)) %}
{% endtest %}

{% macro default__test_not_null(model, column_name) -%}
select {{ '*' if should_store_failures() else column_name }}
from {{ model }}
where {{ column_name }} is null
{%- endmacro %}

{% test accepted_values(model, column_name, values, quote=true) %}
  {% do return(adapter.dispatch('test_accepted_values', 'dbt')(model, column_name, values, quote)) %}
{% endtest %}

{% macro default__test_accepted_values(model, column_name, values, quote=true) -%}
select {{ column_name }} as value_field, count(*) as n_records
from {{ model }}
group by {{ column_name }}
having {{ column_name }} not in (
  {%- for value in values %}
  {{ string_literal(escape_single_quotes(value | string)) if quote else value }}{{ ',' if not loop.last }}
  {%- endfor %}
)
{%- endmacro %}

{% test relationships(model, column_name, to, field) %}
  {% do return(adapter.dispatch('test_relationships', 'dbt')(model, column_name, to, field)) %}
{% endtest %}

{% macro default__test_relationships(model, column_name, to, field) -%}
select child.{{ column_name }} as from_field
from {{ model }} as child
where child.{{ column_name }} is not null
  and not exists (select 1 from {{ to }} as parent where parent.{{ field }} = child.{{ column_name }})
{%- endmacro %}
