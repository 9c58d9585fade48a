{# Types, casts, comparisons, aggregates, arrays and set operations. #}

{% macro type_string() -%}{% do return(adapter.dispatch('type_string', 'dbt')()) %}{%- endmacro %}
{% macro default__type_string() -%}{{ api.Column.translate_type('string') }}{%- endmacro %}
{% macro type_timestamp() -%}{% do return(adapter.dispatch('type_timestamp', 'dbt')()) %}{%- endmacro %}
{% macro default__type_timestamp() -%}{{ api.Column.translate_type('timestamp') }}{%- endmacro %}
{% macro type_int() -%}{% do return(adapter.dispatch('type_int', 'dbt')()) %}{%- endmacro %}
{% macro default__type_int() -%}{{ api.Column.translate_type('integer') }}{%- endmacro %}
{% macro type_bigint() -%}{% do return(adapter.dispatch('type_bigint', 'dbt')()) %}{%- endmacro %}
{% macro default__type_bigint() -%}{{ api.Column.translate_type('bigint') }}{%- endmacro %}
{% macro type_float() -%}{% do return(adapter.dispatch('type_float', 'dbt')()) %}{%- endmacro %}
{% macro default__type_float() -%}{{ api.Column.translate_type('float') }}{%- endmacro %}
{% macro type_numeric() -%}{% do return(adapter.dispatch('type_numeric', 'dbt')()) %}{%- endmacro %}
{% macro default__type_numeric() -%}{{ api.Column.numeric_type('numeric', 28, 6) }}{%- endmacro %}
{% macro type_boolean() -%}{% do return(adapter.dispatch('type_boolean', 'dbt')()) %}{%- endmacro %}
{% macro default__type_boolean() -%}{{ api.Column.translate_type('boolean') }}{%- endmacro %}

{% macro cast(field, type) -%}{% do return(adapter.dispatch('cast', 'dbt')(field, type)) %}{%- endmacro %}
{% macro default__cast(field, type) -%}cast({{ field }} as {{ type }}){%- endmacro %}

{% macro safe_cast(field, type) -%}{% do return(adapter.dispatch('safe_cast', 'dbt')(field, type)) %}{%- endmacro %}
{% macro default__safe_cast(field, type) -%}cast({{ field }} as {{ type }}){%- endmacro %}

{% macro cast_bool_to_text(field) -%}{% do return(adapter.dispatch('cast_bool_to_text', 'dbt')(field)) %}{%- endmacro %}
{% macro default__cast_bool_to_text(field) -%}cast({{ field }} as {{ type_string() }}){%- endmacro %}

{% macro equals(expr1, expr2) -%}{% do return(adapter.dispatch('equals', 'dbt')(expr1, expr2)) %}{%- endmacro %}
{% macro default__equals(expr1, expr2) -%}
{%- if flags.ENABLE_TRUTHY_NULLS_EQUALS_MACRO -%}
case when ({{ expr1 }} = {{ expr2 }}) or ({{ expr1 }} is null and {{ expr2 }} is null) then 0 else 1 end = 0
{%- else -%}
({{ expr1 }} = {{ expr2 }})
{%- endif -%}
{%- endmacro %}

{% macro any_value(expression) -%}{% do return(adapter.dispatch('any_value', 'dbt')(expression)) %}{%- endmacro %}
{% macro default__any_value(expression) -%}any_value({{ expression }}){%- endmacro %}

{% macro bool_or(expression) -%}{% do return(adapter.dispatch('bool_or', 'dbt')(expression)) %}{%- endmacro %}
{% macro default__bool_or(expression) -%}bool_or({{ expression }}){%- endmacro %}

{% macro except() -%}{% do return(adapter.dispatch('except', 'dbt')()) %}{%- endmacro %}
{% macro default__except() -%}except{%- endmacro %}

{% macro intersect() -%}{% do return(adapter.dispatch('intersect', 'dbt')()) %}{%- endmacro %}
{% macro default__intersect() -%}intersect{%- endmacro %}

{% macro array_construct(inputs=[], data_type=none) -%}
  {% do return(adapter.dispatch('array_construct', 'dbt')(inputs, data_type or api.Column.translate_type('integer'))) %}
{%- endmacro %}
{% macro default__array_construct(inputs, data_type) -%}
{%- if inputs -%}array[ {{ inputs | join(' , ') }} ]{%- else -%}array[]::{{ data_type }}[]{%- endif -%}
{%- endmacro %}
{% macro duckdb__array_construct(inputs, data_type) -%}
{%- if inputs -%}[ {{ inputs | join(' , ') }} ]{%- else -%}[]::{{ data_type }}[]{%- endif -%}
{%- endmacro %}

{% macro array_append(array, new_element) -%}{% do return(adapter.dispatch('array_append', 'dbt')(array, new_element)) %}{%- endmacro %}
{% macro default__array_append(array, new_element) -%}array_append({{ array }}, {{ new_element }}){%- endmacro %}

{% macro array_concat(array_1, array_2) -%}{% do return(adapter.dispatch('array_concat', 'dbt')(array_1, array_2)) %}{%- endmacro %}
{% macro default__array_concat(array_1, array_2) -%}array_cat({{ array_1 }}, {{ array_2 }}){%- endmacro %}
{% macro duckdb__array_concat(array_1, array_2) -%}list_concat({{ array_1 }}, {{ array_2 }}){%- endmacro %}
