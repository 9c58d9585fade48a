"""How the exact models of a project are treated: classes, the share that does better than rebuilding everything, and what forced the rest.

    cd some-project && hw explain --output json | bench/classes.py
    bench/classes.py --hw target/release/hw some-project another-project
"""

import argparse
import collections
import json
import re
import subprocess
import sys

BETTER = ("EXACT-INTERVAL", "EXACT-KEY")


def explained(hw, folder):
    """The models of a project as hw explains them. A model with a problem of its own does not hide the others."""
    done = subprocess.run([hw, "explain", "--output", "json"], cwd=folder, capture_output=True, text=True)
    if not done.stdout.strip():
        sys.exit(f"{folder}: hw explain said nothing:\n{done.stderr}")
    return json.loads(done.stdout)


def class_of(model):
    """Its class as people know it; none for what is not exact."""
    if "diagnostic" in model:
        return "ERROR"
    return (model.get("class") or "").upper().replace("_", "-")


def reasons(model):
    """The rules that stand in the way, each once, with names taken out of the message so that equal reasons meet."""
    findings = model.get("findings") or [{"rule": "error", "message": model.get("diagnostic", {}).get("title", "")}]
    return {(finding["rule"], re.sub(r"`[^`]*`", "`…`", finding["message"])) for finding in findings}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hw", default="hw")
    parser.add_argument("projects", nargs="*", help="folders of dbt projects; none reads an answer of hw explain from standard input")
    arguments = parser.parse_args()
    if arguments.projects:
        models = [model for folder in arguments.projects for model in explained(arguments.hw, folder)]
    else:
        models = json.load(sys.stdin)
    models = [model for model in models if class_of(model)]
    if not models:
        sys.exit("no exact models")
    classes = collections.Counter(class_of(model) for model in models)
    better = sum(classes[name] for name in BETTER)
    for name, count in classes.most_common():
        print(f"{count:6} {name}")
    print(f"{better} of {len(models)} do better than rebuilding everything: {100 * better / len(models):.0f} %\n")
    forced = collections.defaultdict(list)
    for model in models:
        if class_of(model) not in BETTER:
            for reason in reasons(model):
                forced[reason].append(model.get("label") or model.get("unique_id", ""))
    for (rule, message), names in sorted(forced.items(), key=lambda item: -len(item[1])):
        print(f"{len(names):6} {rule}: {message}\n       {', '.join(sorted(names)[:5])}")


if __name__ == "__main__":
    main()
