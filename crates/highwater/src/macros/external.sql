{# Models whose rows lie in a file: `materialized: external` on DuckDB. The model itself is a view that reads the file. #}

{% macro external_location(relation, config) -%}
{{ adapter.external_root() }}/{{ relation.identifier }}{{ '.' ~ config.get('format', 'parquet') if not (config.get('options') or {}).get('partition_by') }}
{%- endmacro %}

{% macro render_write_options(config) %}
  {%- set options, given = {}, config.get('options') or {} -%}
  {%- if given is not mapping -%}{% do exceptions.raise_compiler_error('The options argument must be a dictionary') %}{%- endif -%}
  {%- for key, value in given.items() -%}{% do options.update({key: render(value | string)}) %}{%- endfor -%}
  {%- for key in ['format', 'delimiter'] if config.get(key) -%}{% do options.update({key: render(config.get(key))}) %}{%- endfor -%}
  {% do return(options) %}
{% endmacro %}

{# Adds what the name of the file and the format say; the rest is COPY's own. #}
{% macro external_complete_options(location, options) %}
  {%- set parts = location.split('/')[-1].lower().split('.')[1:] -%}
  {%- set compression = {'gz': 'gzip', 'zst': 'zstd'}.get(parts[-1]) if parts else none -%}
  {%- set extension = (parts[:-1] if compression else parts) | last -%}
  {%- if 'format' not in options -%}
    {% do options.update({'format': extension or ('csv' if 'delimiter' in options else 'parquet')}) %}
    {%- if compression and 'compression' not in options -%}{% do options.update({'compression': compression}) %}{%- endif -%}
  {%- endif -%}
  {%- if options['format'] == 'csv' and 'header' not in options -%}{% do options.update({'header': 1}) %}{%- endif -%}
  {%- set columns = options.get('partition_by') | string -%}
  {%- if ',' in columns and not columns.startswith('(') -%}{% do options.update({'partition_by': '(' ~ columns ~ ')'}) %}{%- endif -%}
  {% do return(options) %}
{% endmacro %}

{% macro external_write_options(options) -%}
{%- for key, value in options.items() -%}
  {%- set quoted = key | lower in ['delimiter', 'quote', 'escape', 'null'] and not value.startswith("'") -%}
  {{ key }} {{ "'" ~ value ~ "'" if quoted else value }}{{ ', ' if not loop.last }}
{%- endfor -%}
{%- endmacro %}

{% macro external_read_location(location, options) %}
  {%- set columns = options.get('partition_by') -%}
  {%- if not (columns or options.get('per_thread_output')) -%}{% do return(location) %}{%- endif -%}
  {% do return(location ~ '/*' ~ ('/*' * ((columns | string).split(',') | length) if columns else '') ~ '.' ~ options.get('format', 'parquet')) %}
{% endmacro %}

{% macro write_to_file(relation, location, options) %}
  {%- call statement('write_to_file') -%}copy {{ relation }} to '{{ location }}' ({{ options }}){%- endcall -%}
{% endmacro %}

{# The function that reads the files back, with its options. #}
{% macro external_reader(format, location, options, config) -%}
  {%- set defaults = {'parquet': {'union_by_name': false}} -%}
  {%- set settings = {} -%}
  {% do settings.update(config.get(format ~ '_read_options') or defaults.get(format, {'auto_detect': true})) %}
  {%- if options.get('compression') and format != 'parquet' and 'compression' not in settings -%}
    {% do settings.update({'compression': options['compression']}) %}
  {%- endif -%}
read_{{ format }}('{{ location }}'{% for key, value in settings.items() %}, {{ key }}={{ "'" ~ value ~ "'" if value is string else value }}{% endfor %})
{%- endmacro %}

{% macro external_format(options, config) %}
  {%- set formats = ['csv', 'parquet', 'json'] -%}
  {%- set format = config.get('format') -%}
  {%- if format and format not in formats -%}
    {% do exceptions.raise_compiler_error('Invalid format: ' ~ format ~ '. Allowed formats are: ' ~ (formats | join(', '))) %}
  {%- endif -%}
  {% do return(format or (options['format'] | lower if options['format'] | lower in formats else 'parquet')) %}
{% endmacro %}

{# For `on-run-start` of a project whose database forgets (`:memory:`): views on the files that what is selected reads, and
   that an earlier run wrote. #}
{% macro register_upstream_external_models() %}
  {%- set upstream = [] -%}
  {%- for id in selected_resources if execute and id in graph['nodes'] -%}
    {%- for parent in graph['nodes'][id]['depends_on']['nodes'] if parent in graph['nodes'] and parent not in selected_resources and parent not in upstream -%}
      {% do upstream.append(parent) %}
    {%- endfor -%}
  {%- endfor -%}
  {%- for id in upstream if graph['nodes'][id]['config']['materialized'] == 'external' -%}
    {%- set node = graph['nodes'][id] -%}
    {%- set relation = api.Relation.create(database=node['database'], schema=node['schema'], identifier=node['alias']) -%}
    {%- set location = render(node['config'].get('location') or external_location(relation, node['config'])) -%}
    {%- set options = external_complete_options(location, render_write_options(node['config'])) -%}
    {%- set reader = external_reader(external_format(options, node['config']), external_read_location(location, options), options, node['config']) -%}
    {%- call statement('schema') -%}create schema if not exists {{ relation.without_identifier() }}{%- endcall -%}
    {%- call statement('view') -%}create or replace view {{ relation }} as (select * from {{ reader }}){%- endcall -%}
  {%- endfor -%}
  {%- if upstream -%}{% do adapter.commit() %}{%- endif -%}
{% endmacro %}

{% materialization external, adapter='duckdb' %}
  {%- if config.get('plugin') is not none or config.get('glue_register', false) is true -%}
    {% do exceptions.raise_compiler_error("`plugin` and `glue_register` want modules of Python: let DuckDB write the file, with `location` and `format`") %}
  {%- endif -%}
  {%- set location = render(config.get('location') or external_location(this, config)) -%}
  {%- set options = external_complete_options(location, render_write_options(config)) -%}
  {%- set format = external_format(options, config) -%}
  {%- set target = this.incorporate(type='view') -%}
  {%- set draft = make_intermediate_relation(this.incorporate(type='table')) -%}
  {%- set existing = load_cached_relation(this) -%}
  {% do drop_relation_if_exists(load_cached_relation(draft)) %}
  {% do run_hooks(pre_hooks, inside_transaction=false) %}
  {% do run_hooks(pre_hooks, inside_transaction=true) %}
  {%- call statement('create_table') -%}{{ create_table_as(false, draft, sql) }}{%- endcall -%}
  {%- set columns = adapter.get_columns_in_relation(draft) -%}
  {%- set empty = run_query('select count(*) from ' ~ draft).rows[0][0] == 0 -%}
  {%- if empty -%}
    {#- A file needs a row to keep its columns: one of nothing but NULL, which the view leaves out. -#}
    {%- call statement('empty') -%}insert into {{ draft }} values ({{ (['null'] * (columns | length)) | join(', ') }}){%- endcall -%}
  {%- endif -%}
  {% do write_to_file(draft, location, external_write_options(options)) %}
  {%- if existing is not none and not existing.is_view -%}{% do adapter.drop_relation(existing) %}{%- endif -%}
  {%- call statement('main') -%}
create or replace view {{ target }} as (
  select * from {{ external_reader(format, external_read_location(location, options), options, config) }}
  {%- if empty %}
  where {% for column in columns %}{{ column.quoted }} is not null{{ ' and ' if not loop.last }}{% endfor %}
  {%- endif %}
)
  {%- endcall -%}
  {% do adapter.drop_relation(draft) %}
  {% do run_hooks(post_hooks, inside_transaction=true) %}
  {% do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing, full_refresh_mode=true)) %}
  {% do persist_docs(target, model) %}
  {% do adapter.commit() %}
  {% do run_hooks(post_hooks, inside_transaction=false) %}
  {% do return({'relations': [target]}) %}
{% endmaterialization %}

{# A query that takes parameters: `parameters: a, b` or a list of names. What reads it writes {{ ref('it') }}(1, 2). #}
{% materialization table_function, adapter='duckdb' %}
  {%- set target = this.incorporate(type='view') -%}
  {%- set parameters = config.get('parameters') or [] -%}
  {% do run_hooks(pre_hooks, inside_transaction=false) %}
  {% do run_hooks(pre_hooks, inside_transaction=true) %}
  {%- call statement('main') -%}
create or replace function {{ target }}({{ parameters if parameters is string else parameters | join(', ') }}) as table (
{{ sql }}
)
  {%- endcall %}
  {% do run_hooks(post_hooks, inside_transaction=true) %}
  {% do adapter.commit() %}
  {% do run_hooks(post_hooks, inside_transaction=false) %}
  {% do return({'relations': [target]}) %}
{% endmaterialization %}
