{# Postgres' own forms of macros. #}

{# Dates and times. #}

{% macro postgres__current_timestamp() -%}now(){%- endmacro %}
{% macro postgres__snapshot_get_time() -%}{{ current_timestamp() }}::timestamp without time zone{%- endmacro %}
{% macro postgres__snapshot_string_as_time(timestamp) -%}
  {% do return("'" ~ timestamp ~ "'::timestamp without time zone") %}
{%- endmacro %}
{% macro postgres__current_timestamp_backcompat() -%}current_timestamp::{{ type_timestamp() }}{%- endmacro %}
{% macro postgres__current_timestamp_in_utc_backcompat() -%}(current_timestamp at time zone 'utc')::{{ type_timestamp() }}{%- endmacro %}

{% macro postgres__dateadd(datepart, interval, from_date_or_timestamp) -%}
{#- A number times an interval: the number may be an expression. There is no interval of quarters. -#}
{%- set step = '3 month' if datepart | lower == 'quarter' else '1 ' ~ datepart -%}
{{ from_date_or_timestamp }} + ((interval '{{ step }}') * ({{ interval }}))
{%- endmacro %}

{# Boundaries of the part that lie between two moments: of the larger part, times its size, plus what is left. #}
{% macro postgres__datediff(first_date, second_date, datepart) -%}
{%- set part = datepart | lower -%}
{%- set first, second = '(' ~ first_date ~ ')', '(' ~ second_date ~ ')' -%}
{%- if part == 'day' -%}
({{ second }}::date - {{ first }}::date)
{%- elif part == 'week' -%}
{#- Whole weeks of days, and one more when the second lies earlier in its week, which starts on Sunday. -#}
(({{ second }}::date - {{ first }}::date) / 7 + case
  when date_part('dow', {{ first }}::timestamp) <= date_part('dow', {{ second }}::timestamp)
  then case when {{ first }} <= {{ second }} then 0 else -1 end
  else case when {{ first }} <= {{ second }} then 1 else 0 end
end)
{%- elif part == 'year' -%}
(date_part('year', {{ second }}::date) - date_part('year', {{ first }}::date))
{%- elif part in ['quarter', 'month'] -%}
({{ postgres__datediff(first_date, second_date, 'year') }} * {{ 4 if part == 'quarter' else 12 }} + date_part('{{ part }}', {{ second }}::date) - date_part('{{ part }}', {{ first }}::date))
{%- elif part in ['hour', 'minute', 'second', 'millisecond', 'microsecond'] -%}
{%- set larger, size = {
  'hour': ['day', 24], 'minute': ['hour', 60], 'second': ['minute', 60],
  'millisecond': ['minute', 60000], 'microsecond': ['minute', 60000000]
}[part] -%}
({{ postgres__datediff(first_date, second_date, larger) }} * {{ size }} + floor(date_part('{{ part }}', {{ second }}::timestamp)) - floor(date_part('{{ part }}', {{ first }}::timestamp)))
{%- else -%}
{% do exceptions.raise_compiler_error("datediff does not know the part '" ~ datepart ~ "' on Postgres") %}
{%- endif -%}
{%- endmacro %}

{% macro postgres__date(year, month, day) -%}make_date({{ year }}, {{ month }}, {{ day }}){%- endmacro %}

{% macro postgres__last_day(date, datepart) -%}
cast({{ dateadd('day', '-1', dateadd(datepart, '1', date_trunc(datepart, date))) }} as date)
{%- endmacro %}

{# Text and values. #}

{% macro postgres__listagg(measure, delimiter_text, order_by_clause, limit_num) -%}
{%- if limit_num -%}
array_to_string((array_agg({{ measure }} {{ order_by_clause or '' }}))[1:{{ limit_num }}], {{ delimiter_text }})
{%- else -%}
string_agg({{ measure }}, {{ delimiter_text }} {{ order_by_clause or '' }})
{%- endif -%}
{%- endmacro %}

{# Older versions have no function for it; the least is as good as any. #}
{% macro postgres__any_value(expression) -%}min({{ expression }}){%- endmacro %}

{% macro postgres__array_construct(inputs, data_type) -%}
{%- if inputs -%}array[ {{ inputs | join(' , ') }} ]{%- else -%}array[]::{{ data_type }}[]{%- endif -%}
{%- endmacro %}

{# Making tables, in materializations and macros of projects. #}

{% macro postgres__create_table_as(temporary, relation, compiled_code, language='sql') -%}
  {{ config.get('sql_header') or '' }}
  {%- set unlogged = config.get('unlogged') and not temporary -%}
  {%- set name = relation.include(database=false, schema=not temporary) %}
  create {{ 'temporary' if temporary }} {{ 'unlogged' if unlogged }} table {{ name }} as (
    {{ compiled_code }}
  );
{%- endmacro %}

{% macro get_create_index_sql(relation, index_dict) -%}
  {% do return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) %}
{%- endmacro %}
{% macro default__get_create_index_sql(relation, index_dict) -%}{% do return(none) %}{%- endmacro %}
{% macro postgres__get_create_index_sql(relation, index_dict) -%}
  {%- set columns = [index_dict['columns']] if index_dict['columns'] is string else index_dict['columns'] -%}
  {%- set kind = index_dict.get('type') or 'btree' -%}
  {%- set name = local_md5([relation | string, columns | join('_'), kind, py_current_timestring()] | join('_')) -%}
  create {{ 'unique' if index_dict.get('unique') }} index if not exists "{{ name }}" on {{ relation }} using {{ kind }} ({{ get_quoted_csv(columns) }})
{%- endmacro %}

{% macro postgres__create_indexes(relation) %}
  {%- for index_dict in config.get('indexes') or [] -%}
    {% do run_query(get_create_index_sql(relation, index_dict)) %}
  {%- endfor -%}
{% endmacro %}
