{# What is done to a table or view once its rows are right: indexes, grants, comments. #}

{% macro highwater_dress(relation, replaced, rebuilt) %}
  {%- if rebuilt and not relation.is_view -%}{% do create_indexes(relation) %}{%- endif -%}
  {% do apply_grants(relation, config.get('grants'), should_revoke=should_revoke(replaced, full_refresh_mode=rebuilt)) %}
  {% do persist_docs(relation, model) %}
{% endmacro %}

{# Grants. #}

{% macro copy_grants() %}{% do return(adapter.dispatch('copy_grants', 'dbt')()) %}{% endmacro %}
{% macro default__copy_grants() %}{% do return(true) %}{% endmacro %}

{% macro support_multiple_grantees_per_dcl_statement() %}
  {% do return(adapter.dispatch('support_multiple_grantees_per_dcl_statement', 'dbt')()) %}
{% endmacro %}
{% macro default__support_multiple_grantees_per_dcl_statement() %}{% do return(true) %}{% endmacro %}

{# Whether what is there may carry grants that nobody wants any more. #}
{% macro should_revoke(existing_relation, full_refresh_mode=true) %}
  {%- if not existing_relation -%}{% do return(false) %}{%- endif -%}
  {% do return(copy_grants() if full_refresh_mode else true) %}
{% endmacro %}

{% macro get_show_grant_sql(relation) %}{% do return(adapter.dispatch('get_show_grant_sql', 'dbt')(relation)) %}{% endmacro %}
{% macro default__get_show_grant_sql(relation) %}show grants on {{ relation.render() }}{% endmacro %}

{% macro get_grant_sql(relation, privilege, grantees) %}
  {% do return(adapter.dispatch('get_grant_sql', 'dbt')(relation, privilege, grantees)) %}
{% endmacro %}
{% macro default__get_grant_sql(relation, privilege, grantees) -%}
grant {{ privilege }} on {{ relation.render() }} to {{ grantees | join(', ') }}
{%- endmacro %}

{% macro get_revoke_sql(relation, privilege, grantees) %}
  {% do return(adapter.dispatch('get_revoke_sql', 'dbt')(relation, privilege, grantees)) %}
{% endmacro %}
{% macro default__get_revoke_sql(relation, privilege, grantees) -%}
revoke {{ privilege }} on {{ relation.render() }} from {% for grantee in grantees %}{{ adapter.quote(grantee) }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}

{% macro get_dcl_statement_list(relation, grant_config, get_dcl_macro) %}
  {% do return(adapter.dispatch('get_dcl_statement_list', 'dbt')(relation, grant_config, get_dcl_macro)) %}
{% endmacro %}
{% macro default__get_dcl_statement_list(relation, grant_config, get_dcl_macro) %}
  {%- set statements = [] -%}
  {%- for privilege, grantees in grant_config.items() if grantees -%}
    {%- set groups = [grantees] if support_multiple_grantees_per_dcl_statement() else grantees | batch(1) -%}
    {%- for group in groups -%}{% do statements.append(get_dcl_macro(relation, privilege, group)) %}{%- endfor -%}
  {%- endfor -%}
  {% do return(statements) %}
{% endmacro %}

{% macro call_dcl_statements(dcl_statement_list) %}
  {% do return(adapter.dispatch('call_dcl_statements', 'dbt')(dcl_statement_list)) %}
{% endmacro %}
{% macro default__call_dcl_statements(dcl_statement_list) %}
  {%- call statement('grants') -%}{{ dcl_statement_list | join(';\n') }}{%- endcall -%}
{% endmacro %}

{% macro apply_grants(relation, grant_config, should_revoke=true) %}
  {% do return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) %}
{% endmacro %}
{# Grants what is configured and not there; takes away what is there and not configured. #}
{% macro default__apply_grants(relation, grant_config, should_revoke=true) %}
  {%- if grant_config -%}
    {%- set granted = adapter.standardize_grants_dict(run_query(get_show_grant_sql(relation))) if should_revoke else {} -%}
    {%- set statements = get_dcl_statement_list(relation, diff_of_two_dicts(granted, grant_config), get_revoke_sql)
      + get_dcl_statement_list(relation, diff_of_two_dicts(grant_config, granted), get_grant_sql) -%}
    {%- if statements -%}{% do call_dcl_statements(statements) %}{%- endif -%}
  {%- endif -%}
{% endmacro %}
{# DuckDB knows no roles. #}
{% macro duckdb__apply_grants(relation, grant_config, should_revoke=true) %}{% endmacro %}

{# Comments. #}

{% macro persist_docs(relation, model, for_relation=true, for_columns=true) %}
  {% do return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) %}
{% endmacro %}
{% macro default__persist_docs(relation, model, for_relation, for_columns) %}
  {%- if for_relation and config.persist_relation_docs() and model.description -%}
    {% do run_query(alter_relation_comment(relation, model.description)) %}
  {%- endif -%}
  {%- if for_columns and config.persist_column_docs() and model.columns -%}
    {%- set known = adapter.get_columns_in_relation(relation) | map(attribute='name') | list -%}
    {%- set statements = alter_column_comment(relation, validate_doc_columns(relation, model.columns, known)) -%}
    {%- if statements and statements | trim -%}{% do run_query(statements) %}{%- endif -%}
  {%- endif -%}
{% endmacro %}

{# The described columns that exist; a warning names the others. #}
{% macro validate_doc_columns(relation, column_dict, existing_column_names) %}
  {%- set lower = existing_column_names | map('lower') | list -%}
  {%- set found, missing = {}, [] -%}
  {%- for name, column in column_dict.items() -%}
    {%- if name in existing_column_names or (not column['quote'] and name | lower in lower) -%}
      {% do found.update({name: column}) %}
    {%- else -%}
      {% do missing.append(name) %}
    {%- endif -%}
  {%- endfor -%}
  {%- if missing -%}
    {% do exceptions.warn('In relation ' ~ relation.render() ~ ': The following columns are specified in the schema but are not present in the database: ' ~ (missing | join(', '))) %}
  {%- endif -%}
  {% do return(found) %}
{% endmacro %}

{% macro alter_relation_comment(relation, relation_comment) %}
  {% do return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) %}
{% endmacro %}
{% macro default__alter_relation_comment(relation, relation_comment) -%}
comment on {{ relation.type }} {{ relation.render() }} is '{{ relation_comment | replace("'", "''") }}'
{%- endmacro %}

{% macro alter_column_comment(relation, column_dict) %}
  {% do return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) %}
{% endmacro %}
{% macro default__alter_column_comment(relation, column_dict) -%}
{%- for name, column in column_dict.items() -%}
comment on column {{ relation.render() }}.{{ adapter.quote(name) if column['quote'] else name }} is '{{ column['description'] | replace("'", "''") }}';
{% endfor -%}
{%- endmacro %}

{# Indexes: `indexes: [{columns: [a, b], unique: true}]`. #}

{% macro create_indexes(relation) %}{% do return(adapter.dispatch('create_indexes', 'dbt')(relation)) %}{% endmacro %}
{% macro default__create_indexes(relation) %}
  {%- for index in config.get('indexes') or [] -%}
    {%- set text = get_create_index_sql(relation, index) -%}
    {%- if text -%}{% do run_query(text) %}{%- endif -%}
  {%- endfor -%}
{% endmacro %}

{% macro get_create_index_sql(relation, index_dict) %}
  {% do return(adapter.dispatch('get_create_index_sql', 'dbt')(relation, index_dict)) %}
{% endmacro %}
{% macro default__get_create_index_sql(relation, index_dict) -%}
create {{ 'unique ' if index_dict.get('unique') }}index "{{ local_md5((index_dict['columns'] | join('_')) ~ relation ~ index_dict.get('unique', false) ~ py_current_timestring()) }}"
on {{ relation }} ({{ index_dict['columns'] | join(', ') }})
{%- endmacro %}
