{# Hooks around a materialization that is written in Jinja. #}

{% macro run_hooks(hooks, inside_transaction=true) %}
  {%- for hook in hooks or [] if (hook.transaction if hook.transaction is defined else true) == inside_transaction -%}
    {%- set text = render(hook.sql if hook.sql is defined else hook) | trim -%}
    {%- if text -%}
      {%- call statement(auto_begin=inside_transaction) -%}{{ text }}{%- endcall -%}
    {%- endif -%}
  {%- endfor -%}
{% endmacro %}

{% macro make_hook_config(sql, inside_transaction) %}{% do return({'sql': sql, 'transaction': inside_transaction}) %}{% endmacro %}
{% macro before_begin(sql) %}{% do return(make_hook_config(sql, false)) %}{% endmacro %}
{% macro in_transaction(sql) %}{% do return(make_hook_config(sql, true)) %}{% endmacro %}
{% macro after_commit(sql) %}{% do return(make_hook_config(sql, false)) %}{% endmacro %}
