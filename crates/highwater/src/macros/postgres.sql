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

{# The types that dbt's driver tells apart, by its names for them: a contract of `varchar` is kept by a `text`. #}
{% macro postgres__type_class(data_type) %}
  {%- set names = {
    'smallint': 'INTEGER', 'integer': 'INTEGER', 'bigint': 'LONGINTEGER', 'numeric': 'DECIMAL',
    'real': 'FLOAT', 'double precision': 'FLOAT', 'boolean': 'BOOLEAN',
    'text': 'STRING', 'character varying': 'STRING', 'character': 'STRING', 'name': 'STRING', '"char"': 'STRING',
    'timestamp without time zone': 'DATETIME', 'timestamp with time zone': 'DATETIMETZ', 'date': 'DATE',
    'time without time zone': 'TIME', 'time with time zone': 'TIME', 'interval': 'INTERVAL', 'bytea': 'BINARY'
  } -%}
  {%- set bare = data_type.split('(')[0] ~ data_type.split(')')[-1] if '(' in data_type else data_type -%}
  {%- set element = bare[:-2] if bare.endswith('[]') else bare -%}
  {%- set class = names.get(element, element | upper) -%}
  {%- if element != bare -%}{% do return(class ~ 'ARRAY') %}{%- endif -%}
  {% do return({'STRING': 'TEXT', 'INTEGER': 'INT'}.get(class, class)) %}
{% endmacro %}

{% macro postgres__format_column(column) %}
  {%- set class = postgres__type_class(column.data_type) -%}
  {% do return({'name': column.name, 'data_type': class, 'formatted': column.name | lower ~ ' ' ~ class}) %}
{% endmacro %}

{# Tables and views. #}

{% macro postgres__create_table_as(temporary, relation, compiled_code, language='sql') -%}
{%- set enforced = config.get('contract').enforced if config.get('contract') else false -%}
{%- if enforced -%}{{ get_assert_columns_equivalent(compiled_code) }}{%- endif -%}
{%- set name = relation.include(database=false, schema=not temporary) -%}
{{ config.get('sql_header') or '' }}
create {{ 'temporary ' if temporary else 'unlogged ' if config.get('unlogged') }}table {{ name }}
{%- if enforced and not temporary %} {{ get_table_columns_and_constraints() }};
insert into {{ name }} {{ get_column_names() }} (
{{ get_select_subquery(compiled_code) }}
)
{%- else %} as (
{{ compiled_code }}
)
{%- endif %};
{%- endmacro %}

{# Longer names are cut by the server without a word. #}
{% macro postgres__name_with_suffix(name, suffix) -%}
  {% do return(name[:63 - suffix | length] ~ suffix) %}
{%- endmacro %}
{% macro postgres__make_intermediate_relation(base_relation, suffix) %}
  {%- set name = postgres__name_with_suffix(base_relation.identifier, suffix) -%}
  {% do return(base_relation.incorporate(path={'identifier': name})) %}
{% endmacro %}
{% macro postgres__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {%- set name = postgres__name_with_suffix(base_relation.identifier, suffix) -%}
  {% do return(base_relation.incorporate(path={'identifier': name}, type=backup_relation_type)) %}
{% endmacro %}
{% macro postgres__make_temp_relation(base_relation, suffix) %}
  {%- set name = postgres__name_with_suffix(base_relation.identifier, suffix ~ py_current_timestring()) -%}
  {% do return(base_relation.incorporate(path={'database': none, 'schema': none, 'identifier': name})) %}
{% endmacro %}

{# Views that read the column go, and the column moves to the end. #}
{% macro postgres__alter_column_type(relation, column_name, new_column_type) %}
  {%- set name, draft = adapter.quote(column_name), adapter.quote(column_name ~ '__dbt_alter') -%}
  {%- call statement('alter_column_type') -%}
    alter table {{ relation }} add column {{ draft }} {{ new_column_type }};
    update {{ relation }} set {{ draft }} = {{ name }}::{{ new_column_type }};
    alter table {{ relation }} drop column {{ name }} cascade;
    alter table {{ relation }} rename column {{ draft }} to {{ name }}
  {%- endcall -%}
{% endmacro %}

{% macro postgres__get_create_index_sql(relation, index_dict) -%}
{%- set columns = [index_dict['columns']] if index_dict['columns'] is string else index_dict['columns'] -%}
{%- set kind = index_dict.get('type') or 'btree' -%}
{#- Two indexes of one schema cannot share a name, and an older table may still have its own. -#}
{%- set name = local_md5([relation | string, columns | join('_'), kind, index_dict.get('unique', false) | string, py_current_timestring()] | join('_')) -%}
create {{ 'unique ' if index_dict.get('unique') }}index if not exists "{{ name }}"
on {{ relation }} using {{ kind }} ({{ columns | join(', ') }})
{%- endmacro %}

{# A new table is nobody's but its owner's. #}
{% macro postgres__copy_grants() %}{% do return(false) %}{% endmacro %}
{% macro postgres__get_show_grant_sql(relation) -%}
select grantee, privilege_type
from information_schema.role_table_grants
where grantor = current_role and grantee != current_role
  and table_schema = '{{ relation.schema }}' and table_name = '{{ relation.identifier }}'
{%- endmacro %}

{% macro postgres__alter_relation_comment(relation, relation_comment) -%}
comment on {{ relation.type | replace('_', ' ') }} {{ relation.render() }} is '{{ relation_comment | replace("'", "''") }}'
{%- endmacro %}
