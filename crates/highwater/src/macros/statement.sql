{# Queries in the middle of a template. Results are kept by name, for load_result. #}

{% macro statement(name=none, fetch_result=false, auto_begin=true, language='sql') -%}
  {%- if execute -%}
    {%- set text = caller() -%}
    {%- if name == 'main' -%}{% do write(text) %}{%- endif -%}
    {%- set answer = adapter.execute(text, auto_begin=auto_begin, fetch=fetch_result) -%}
    {%- if name is not none -%}
      {{- store_result(name, response=answer[0], agate_table=answer[1]) -}}
    {%- endif -%}
  {%- endif -%}
{%- endmacro %}

{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) -%}
  {{- caller() -}}
  {%- if name is not none -%}
    {{- store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -}}
  {%- endif -%}
{%- endmacro %}

{% macro run_query(sql) %}
  {%- call statement('run_query_statement', fetch_result=true, auto_begin=false) -%}
    {{ sql }}
  {%- endcall -%}
  {%- set answer = load_result('run_query_statement') -%}
  {% do return(answer.table if answer is not none else none) %}
{% endmacro %}
