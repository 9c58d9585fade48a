{# Dates and times. #}

{% macro current_timestamp() -%}{% do return(adapter.dispatch('current_timestamp', 'dbt')()) %}{%- endmacro %}
{% macro default__current_timestamp() -%}current_timestamp{%- endmacro %}
{% macro duckdb__current_timestamp() -%}now(){%- endmacro %}
{% macro current_timestamp_backcompat() -%}{% do return(adapter.dispatch('current_timestamp_backcompat', 'dbt')()) %}{%- endmacro %}
{% macro default__current_timestamp_backcompat() -%}current_timestamp::timestamp{%- endmacro %}
{% macro current_timestamp_in_utc_backcompat() -%}
  {% do return(adapter.dispatch('current_timestamp_in_utc_backcompat', 'dbt')()) %}
{%- endmacro %}
{% macro default__current_timestamp_in_utc_backcompat() -%}
  {% do return(adapter.dispatch('current_timestamp_backcompat', 'dbt')()) %}
{%- endmacro %}
{% macro snapshot_get_time() -%}{% do return(adapter.dispatch('snapshot_get_time', 'dbt')()) %}{%- endmacro %}
{% macro default__snapshot_get_time() -%}{{ current_timestamp() }}{%- endmacro %}
{% macro duckdb__snapshot_get_time() -%}{{ current_timestamp() }}::timestamp{%- endmacro %}

{% macro get_snapshot_get_time_data_type() %}
  {%- set described = get_column_schema_from_query('select ' ~ snapshot_get_time() ~ ' as moment') -%}
  {% do return(described[0].data_type if described else none) %}
{% endmacro %}
{% macro snapshot_string_as_time(timestamp) -%}{% do return(adapter.dispatch('snapshot_string_as_time', 'dbt')(timestamp)) %}{%- endmacro %}
{% macro default__snapshot_string_as_time(timestamp) -%}{% do return("'" ~ timestamp ~ "'::timestamp") %}{%- endmacro %}

{% macro dateadd(datepart, interval, from_date_or_timestamp) -%}
  {% do return(adapter.dispatch('dateadd', 'dbt')(datepart, interval, from_date_or_timestamp)) %}
{%- endmacro %}
{% macro default__dateadd(datepart, interval, from_date_or_timestamp) -%}
dateadd({{ datepart }}, {{ interval }}, {{ from_date_or_timestamp }})
{%- endmacro %}
{% macro duckdb__dateadd(datepart, interval, from_date_or_timestamp) -%}
{#- A number times an interval: the number may be an expression. DuckDB has no interval of quarters. -#}
{%- set unit = datepart | lower -%}
{%- set step = {'quarter': '3 * interval 1 month', 'week': '7 * interval 1 day'}.get(unit, 'interval 1 ' ~ unit) -%}
({{ from_date_or_timestamp }} + cast({{ interval }} as bigint) * {{ step }})
{%- endmacro %}

{% macro datediff(first_date, second_date, datepart) -%}
  {% do return(adapter.dispatch('datediff', 'dbt')(first_date, second_date, datepart)) %}
{%- endmacro %}
{% macro default__datediff(first_date, second_date, datepart) -%}
datediff({{ datepart }}, {{ first_date }}, {{ second_date }})
{%- endmacro %}
{% macro duckdb__datediff(first_date, second_date, datepart) -%}
{%- set first, second = '(' ~ first_date ~ ')::timestamp', '(' ~ second_date ~ ')::timestamp' -%}
{%- if datepart == 'week' -%}
{#- As dbt counts, if the word is written just so: whole weeks of days, and one more when the second lies earlier in its week, which starts on Sunday. -#}
(date_diff('day', {{ first }}, {{ second }}) // 7 + case
  when date_part('dow', {{ first }}) <= date_part('dow', {{ second }}) then case when {{ first }} <= {{ second }} then 0 else -1 end
  else case when {{ first }} <= {{ second }} then 1 else 0 end
end)
{%- else -%}
date_diff('{{ datepart }}', {{ first }}, {{ second }})
{%- endif -%}
{%- endmacro %}

{% macro date_trunc(datepart, date) -%}{% do return(adapter.dispatch('date_trunc', 'dbt')(datepart, date)) %}{%- endmacro %}
{% macro default__date_trunc(datepart, date) -%}date_trunc('{{ datepart }}', {{ date }}){%- endmacro %}

{% macro last_day(date, datepart) -%}{% do return(adapter.dispatch('last_day', 'dbt')(date, datepart)) %}{%- endmacro %}
{% macro default_last_day(date, datepart) -%}
cast({{ dateadd('day', '-1', dateadd(datepart, '1', date_trunc(datepart, date))) }} as date)
{%- endmacro %}
{% macro default__last_day(date, datepart) -%}{{ default_last_day(date, datepart) }}{%- endmacro %}

{% macro date(year, month, day) -%}{% do return(adapter.dispatch('date', 'dbt')(year, month, day)) %}{%- endmacro %}
{% macro default__date(year, month, day) -%}
to_date('{{ '%04d-%02d-%02d' % (year, month, day) }}', 'YYYY-MM-DD')
{%- endmacro %}
{% macro duckdb__date(year, month, day) -%}make_date({{ year }}, {{ month }}, {{ day }}){%- endmacro %}

{# One row per period from start_date up to, not including, end_date. #}
{% macro date_spine(datepart, start_date, end_date) -%}
  {% do return(adapter.dispatch('date_spine', 'dbt')(datepart, start_date, end_date)) %}
{%- endmacro %}
{% macro default__date_spine(datepart, start_date, end_date) -%}
with numbers as (
  {{ generate_series(get_intervals_between(start_date, end_date, datepart)) }}
),
periods as (
  select {{ dateadd(datepart, 'generated_number - 1', start_date) }} as date_{{ datepart }} from numbers
)
select * from periods where date_{{ datepart }} < {{ end_date }}
{%- endmacro %}
{% macro duckdb__date_spine(datepart, start_date, end_date) -%}
select {{ dateadd(datepart, 'step', start_date) }} as date_{{ datepart }}
from (select unnest(range({{ datediff(start_date, end_date, datepart) }})) as step) as steps
{%- endmacro %}

{% macro get_intervals_between(start_date, end_date, datepart) -%}
  {% do return(adapter.dispatch('get_intervals_between', 'dbt')(start_date, end_date, datepart)) %}
{%- endmacro %}
{% macro default__get_intervals_between(start_date, end_date, datepart) -%}
  {%- set answer = run_query('select ' ~ datediff(start_date, end_date, datepart)) -%}
  {#- One while parsing, when nothing is asked: a series has at least one number. -#}
  {% do return(answer.rows[0][0] if execute and answer else 1) %}
{%- endmacro %}

{% macro generate_series(upper_bound) -%}{% do return(adapter.dispatch('generate_series', 'dbt')(upper_bound)) %}{%- endmacro %}
{% macro default__generate_series(upper_bound) -%}
{%- set bits = get_powers_of_two(upper_bound) -%}
with bit as (select 0 as value union all select 1),
numbers as (
  select {% for n in range(bits) %}b{{ n }}.value * {{ 2 ** n }} + {% endfor %}1 as generated_number
  from {% for n in range(bits) %}bit as b{{ n }}{{ ' cross join ' if not loop.last }}{% endfor %}
)
select generated_number from numbers where generated_number <= {{ upper_bound }}
{%- endmacro %}
{% macro duckdb__generate_series(upper_bound) -%}
select unnest(range(1, {{ upper_bound }} + 1)) as generated_number
{%- endmacro %}

{# How many bits count up to a number. #}
{% macro get_powers_of_two(upper_bound) %}{% do return(adapter.dispatch('get_powers_of_two', 'dbt')(upper_bound)) %}{% endmacro %}
{% macro default__get_powers_of_two(upper_bound) %}
  {%- if upper_bound <= 0 -%}{% do exceptions.raise_compiler_error('the upper bound must be positive') %}{%- endif -%}
  {%- for bits in range(1, 100) if upper_bound <= 2 ** bits -%}{% do return(bits) %}{%- endfor -%}
{% endmacro %}

{% macro py_current_timestring() %}
  {% do return(modules.datetime.datetime.now().strftime('%H%M%S%f')) %}
{% endmacro %}

{# Dates written out, from the first to the last: `dates_in_range('20260130', '20260202')`. #}
{% macro convert_datetime(date_str, date_fmt) %}
  {% do return(modules.datetime.datetime.strptime(date_str, date_fmt)) %}
{% endmacro %}
{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt='%Y%m%d', out_fmt='%Y%m%d') %}
  {%- set first = convert_datetime(start_date_str, in_fmt) -%}
  {%- set last = convert_datetime(start_date_str if end_date_str is none else end_date_str, in_fmt) -%}
  {%- if last < first -%}
    {% do exceptions.raise_compiler_error('the range of dates ends before it begins: ' ~ start_date_str ~ ' to ' ~ end_date_str) %}
  {%- endif -%}
  {%- set dates = [] -%}
  {%- for step in range((last - first).days + 1) -%}
    {%- do dates.append((first + modules.datetime.timedelta(days=step)).strftime(out_fmt)) -%}
  {%- endfor -%}
  {% do return(dates) %}
{% endmacro %}
{# One date, or two with a comma between them. #}
{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}
  {%- set ends = raw_partition_date.split(',') -%}
  {%- if ends | length > 2 -%}
    {% do exceptions.raise_compiler_error('a range of partitions is one date or two, not ' ~ raw_partition_date) %}
  {%- endif -%}
  {% do return(dates_in_range(ends[0], ends[1] if ends | length > 1 else none, in_fmt=date_fmt)) %}
{% endmacro %}
