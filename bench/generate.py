#!/usr/bin/env python3
"""Writes a dbt project of a given size, the same one every time.

    bench/generate.py FOLDER MODELS

Five layers of models, so that a model stands three refs deep on average: staging reads sources, every other model reads one to
three models of the layer below. Every model has a description, four described columns, and two to four generic tests in YAML (one
properties file for ten models); one in four configures itself, half of them call macros of the project, which call each other and
`dbt`'s own. One exposure and one singular test for a hundred models. DuckDB; nothing in it needs to be run.
"""

import random
import sys
from pathlib import Path

LAYERS = ["staging", "base", "intermediate", "marts", "reports"]
PER_FOLDER = 50
PER_FILE = 10
COLUMNS = ["id", "happened_at", "amount", "label"]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def settings(root):
    write(root / "dbt_project.yml", """name: generated
version: "1.0"
profile: generated
vars:
  currency: EUR
  days_back: 30
models:
  generated:
    +materialized: view
    marts:
      +materialized: table
      +schema: marts
    reports:
      +materialized: table
      +tags: [report]
""")
    write(root / "profiles.yml", """generated:
  target: dev
  outputs:
    dev:
      type: duckdb
      path: "{{ env_var('GENERATED_PATH', 'generated.duckdb') }}"
      threads: 4
""")


def macros(root, count):
    for number in range(count):
        inner = f"to_units_{number - 1}(column, digits)" if number % 5 else "column ~ ' / 100.0'"
        write(root / "macros" / f"units_{number}.sql", f"""{{% macro to_units_{number}(column, digits=2) %}}
    {{%- set inner = {inner} -%}}
    round(cast({{{{ inner }}}} as {{{{ dbt.type_numeric() }}}}), {{{{ digits }}}})
{{%- endmacro %}}

{{% macro recent_{number}(column) -%}}
    {{{{ column }}}} > {{{{ dbt.dateadd('day', -1 * var('days_back'), 'current_date') }}}}
{{%- endmacro %}}
""")


def model(chance, name, layer, parents, macro_count):
    lines = []
    if chance.random() < 0.25:
        lines.append("{{ config(tags=['own', '%s'], meta={'owner': 'team_%d'}) }}" % (layer, chance.randrange(9)))
    amount = "amount"
    if chance.random() < 0.5:
        amount = "{{ to_units_%d('amount') }} as amount" % chance.randrange(macro_count)
    lines.append("with")
    for number, parent in enumerate(parents):
        lines.append(f"part_{number} as (\n    select * from {parent}\n)" + ("," if number + 1 < len(parents) else ""))
    lines.append("select\n    id,\n    happened_at,\n    %s,\n    label,\n    '{{ var('currency') }}' as currency" % amount)
    lines.append("from part_0")
    for number in range(1, len(parents)):
        lines.append(f"left join part_{number} using (id, happened_at, amount, label)")
    if chance.random() < 0.2:
        lines.append("where {{ recent_%d('happened_at') }}" % chance.randrange(macro_count))
    if chance.random() < 0.1:
        lines.append("{% for kind in ['open', 'paid', 'sent'] %}\n  -- {{ loop.index }}: {{ kind }}\n{% endfor %}")
    return "\n".join(lines) + "\n"


def described(chance, name, parent):
    tests = "      - name: id\n        description: Key of the row.\n        data_tests: [unique, not_null]\n"
    tests += "      - name: happened_at\n        description: When it happened.\n"
    if chance.random() < 0.5:
        tests += "        data_tests:\n          - not_null:\n              config: {severity: warn}\n"
    tests += "      - name: amount\n        description: How much, in the currency of the project.\n"
    tests += "      - name: label\n        description: What it is called.\n"
    if chance.random() < 0.5:
        tests += "        data_tests:\n          - accepted_values:\n              arguments: {values: [open, paid, sent]}\n"
    text = f"  - name: {name}\n    description: |\n      Rows of {name}, one for each id.\n      Made of {parent}.\n"
    return text + f"    config:\n      meta: {{size: {chance.randrange(100)}}}\n    columns:\n{tests}"


def generate(root, count):
    chance = random.Random(count)
    macro_count = max(5, count // 50)
    settings(root)
    macros(root, macro_count)
    sources = max(2, count // 20)
    tables = "".join(f"      - name: table_{number}\n        description: Table {number}.\n" for number in range(sources))
    write(root / "models" / "sources.yml", f"sources:\n  - name: raw\n    schema: main\n    tables:\n{tables}")

    below = []
    for place, layer in enumerate(LAYERS):
        names = [f"{layer}_{number}" for number in range((count + len(LAYERS) - 1 - place) // len(LAYERS))]
        entries = []
        for number, name in enumerate(names):
            if place == 0:
                parents = ["{{ source('raw', 'table_%d') }}" % chance.randrange(sources)]
            else:
                chosen = chance.sample(below, min(len(below), chance.randint(1, 3)))
                parents = ["{{ ref('%s') }}" % parent for parent in chosen]
            folder = root / "models" / layer / f"area_{number // PER_FOLDER}"
            write(folder / f"{name}.sql", model(chance, name, layer, parents, macro_count))
            entries.append((folder / f"_{layer}_{number // PER_FILE}.yml", described(chance, name, parents[0].strip("{} "))))
        for file in dict.fromkeys(file for file, _ in entries):
            write(file, "version: 2\nmodels:\n" + "".join(text for other, text in entries if other == file))
        below = names
    for number in range(count // 100):
        write(root / "tests" / f"single_{number}.sql", "select * from {{ ref('staging_%d') }} where amount < 0\n" % number)
        write(root / "models" / "reports" / f"exposure_{number}.yml", f"""exposures:
  - name: board_{number}
    type: dashboard
    owner: {{email: board@example.com}}
    depends_on: [ref('reports_{number}')]
""")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: bench/generate.py FOLDER MODELS")
    generate(Path(sys.argv[1]), int(sys.argv[2]))
