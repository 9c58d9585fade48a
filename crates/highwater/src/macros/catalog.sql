{# What a database holds, column by column, in the shape of dbt's catalog; for packages that ask for it. The command
   `docs generate` asks the engine itself. #}

{% macro get_catalog(information_schema, schemas) %}
  {% do return(adapter.dispatch('get_catalog', 'dbt')(information_schema, schemas)) %}
{% endmacro %}
{% macro default__get_catalog(information_schema, schemas) %}
  {%- set relations = [] -%}
  {%- for schema in schemas -%}
    {% do relations.append(api.Relation.create(database=information_schema.database, schema=schema)) %}
  {%- endfor -%}
  {% do return(get_catalog_relations(information_schema, relations)) %}
{% endmacro %}

{# All of a schema for a relation without identifier. #}
{% macro get_catalog_relations(information_schema, relations) %}
  {% do return(adapter.dispatch('get_catalog_relations', 'dbt')(information_schema, relations)) %}
{% endmacro %}
{% macro default__get_catalog_relations(information_schema, relations) %}
  {%- set wanted = [] -%}
  {%- for relation in relations -%}
    {%- if not relation.schema -%}
      {% do exceptions.raise_compiler_error('`get_catalog_relations` requires a list of relations, each with a schema') %}
    {%- endif -%}
    {%- set schema = "upper(table_schema) = upper('" ~ relation.schema ~ "')" -%}
    {%- set table = " and upper(table_name) = upper('" ~ relation.identifier ~ "')" if relation.identifier else '' -%}
    {% do wanted.append('(' ~ schema ~ table ~ ')') %}
  {%- endfor -%}
  {%- set query -%}
select * from (
{{ adapter.dispatch('catalog_columns', 'dbt')(information_schema.database) }}
) as held
where {{ wanted | join(' or ') or 'false' }}
order by table_schema, table_name, column_index
  {%- endset -%}
  {% do return(run_query(query)) %}
{% endmacro %}

{% macro duckdb__catalog_columns(database) %}
select
  c.database_name as table_database, c.schema_name as table_schema, c.table_name,
  case when v.view_name is null then 'BASE TABLE' else 'VIEW' end as table_type,
  coalesce(v.comment, t.comment) as table_comment,
  c.column_name, c.column_index, c.data_type as column_type, c.comment as column_comment, null as table_owner
from duckdb_columns() as c
left join duckdb_tables() as t using (database_name, schema_name, table_name)
left join duckdb_views() as v on (v.database_name, v.schema_name, v.view_name) = (c.database_name, c.schema_name, c.table_name)
where upper(c.database_name) = upper('{{ database }}')
{% endmacro %}

{% macro postgres__catalog_columns(database) %}
select
  '{{ database }}' as table_database, s.nspname as table_schema, t.relname as table_name,
  case t.relkind when 'v' then 'VIEW' when 'm' then 'MATERIALIZED VIEW' else 'BASE TABLE' end as table_type,
  obj_description(t.oid, 'pg_class') as table_comment,
  c.attname as column_name, c.attnum as column_index, format_type(c.atttypid, c.atttypmod) as column_type,
  col_description(t.oid, c.attnum) as column_comment, pg_get_userbyid(t.relowner) as table_owner
from pg_class as t
join pg_namespace as s on s.oid = t.relnamespace
join pg_attribute as c on c.attrelid = t.oid and c.attnum > 0 and not c.attisdropped
where t.relkind in ('r', 'p', 'f', 'v', 'm') and t.relpersistence in ('p', 'u')
{% endmacro %}
