{# Text. #}

{% macro concat(fields) -%}{% do return(adapter.dispatch('concat', 'dbt')(fields)) %}{%- endmacro %}
{% macro default__concat(fields) -%}{{ fields | join(' || ') }}{%- endmacro %}

{% macro split_part(string_text, delimiter_text, part_number) -%}
  {% do return(adapter.dispatch('split_part', 'dbt')(string_text, delimiter_text, part_number)) %}
{%- endmacro %}
{% macro default__split_part(string_text, delimiter_text, part_number) -%}
split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}
{# A part that there is not is null, as in dbt; for split_part() of DuckDB it is empty. #}
{% macro duckdb__split_part(string_text, delimiter_text, part_number) -%}
list_extract(string_split({{ string_text }}, {{ delimiter_text }}), {{ part_number }})
{%- endmacro %}

{% macro hash(field) -%}{% do return(adapter.dispatch('hash', 'dbt')(field)) %}{%- endmacro %}
{% macro default__hash(field) -%}md5(cast({{ field }} as {{ type_string() }})){%- endmacro %}

{% macro listagg(measure, delimiter_text="','", order_by_clause=none, limit_num=none) -%}
  {% do return(adapter.dispatch('listagg', 'dbt')(measure, delimiter_text, order_by_clause, limit_num)) %}
{%- endmacro %}
{% macro default__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
{%- if limit_num -%}
array_to_string(array_slice(array_agg({{ measure }}) {{ 'within group (' ~ order_by_clause ~ ')' if order_by_clause }}, 0, {{ limit_num }}), {{ delimiter_text }})
{%- else -%}
listagg({{ measure }}, {{ delimiter_text }}) {{ 'within group (' ~ order_by_clause ~ ')' if order_by_clause }}
{%- endif -%}
{%- endmacro %}
{% macro duckdb__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
{%- if limit_num -%}
array_to_string(list_slice(list({{ measure }} {{ order_by_clause or '' }}), 1, {{ limit_num }}), {{ delimiter_text }})
{%- else -%}
string_agg({{ measure }}, {{ delimiter_text }} {{ order_by_clause or '' }})
{%- endif -%}
{%- endmacro %}

{% macro replace(field, old_chars, new_chars) -%}{% do return(adapter.dispatch('replace', 'dbt')(field, old_chars, new_chars)) %}{%- endmacro %}
{% macro default__replace(field, old_chars, new_chars) -%}replace({{ field }}, {{ old_chars }}, {{ new_chars }}){%- endmacro %}

{% macro right(string_text, length_expression) -%}{% do return(adapter.dispatch('right', 'dbt')(string_text, length_expression)) %}{%- endmacro %}
{% macro default__right(string_text, length_expression) -%}right({{ string_text }}, {{ length_expression }}){%- endmacro %}

{% macro left(string_text, length_expression) -%}{% do return(adapter.dispatch('left', 'dbt')(string_text, length_expression)) %}{%- endmacro %}
{% macro default__left(string_text, length_expression) -%}left({{ string_text }}, {{ length_expression }}){%- endmacro %}

{% macro position(substring_text, string_text) -%}{% do return(adapter.dispatch('position', 'dbt')(substring_text, string_text)) %}{%- endmacro %}
{% macro default__position(substring_text, string_text) -%}position({{ substring_text }} in {{ string_text }}){%- endmacro %}

{% macro length(expression) -%}{% do return(adapter.dispatch('length', 'dbt')(expression)) %}{%- endmacro %}
{% macro default__length(expression) -%}length({{ expression }}){%- endmacro %}

{% macro string_literal(value) -%}{% do return(adapter.dispatch('string_literal', 'dbt')(value)) %}{%- endmacro %}
{% macro default__string_literal(value) -%}'{{ value }}'{%- endmacro %}

{% macro escape_single_quotes(expression) -%}{% do return(adapter.dispatch('escape_single_quotes', 'dbt')(expression)) %}{%- endmacro %}
{% macro default__escape_single_quotes(expression) -%}{{ expression | replace("'", "''") }}{%- endmacro %}
