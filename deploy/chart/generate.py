"""Writes the files that are made of the chart: the plain manifests, and the description of its values.

The chart is the only source. `test_chart.py` fails if a file differs.
"""

import json
import re
from pathlib import Path

import helm_python as helm
import yaml

DEPLOY = Path(__file__).resolve().parent.parent
CHART = DEPLOY / "chart" / "broker-operator"
RELEASE = "broker-operator"
NAMESPACE = "kubectl-broker"

# The order in which Helm installs, so that nothing in the file needs something further down.
ORDER = [
    "PodDisruptionBudget",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
    "Service",
    "Deployment",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
]

OPERATOR = f"""\
# The operator, with the least permissions that it needs. It works in all namespaces.
#   kubectl apply --server-side -f deploy/operator/crds.yaml
#   kubectl apply -f deploy/operator/operator.yaml
# Each namespace with backups needs deploy/operator/runner.yaml, too.
# Made of deploy/chart/broker-operator by deploy/chart/generate.py; don't edit.
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    pod-security.kubernetes.io/enforce: restricted
"""

# The same with the requests of projects.
LIFERAY = OPERATOR.replace(
    "crds.yaml\n", "crds.yaml -f deploy/operator/liferay-crds.yaml\n"
).replace("operator/operator.yaml", "operator/operator-liferay.yaml")

# The same with the kinds for Kafka.
KAFKA = OPERATOR.replace(
    "crds.yaml\n", "crds.yaml -f deploy/operator/kafka-crds.yaml\n"
).replace("operator/operator.yaml", "operator/operator-kafka.yaml")

RUNNER = """\
# The service account of the operator's Jobs, in a namespace with backups:
#   kubectl apply -n NAMESPACE -f deploy/operator/runner.yaml
# It has the permissions of the tenant, and the operator has none of them.
# Made of deploy/chart/broker-operator by deploy/chart/generate.py; don't edit.
"""

# Labels that are true for objects of Helm only.
OF_HELM = re.compile(r"^ +(helm\.sh/chart|app\.kubernetes\.io/managed-by): .*\n", re.MULTILINE)

BEGIN = "<!-- values: made of values.yaml by deploy/chart/generate.py -->\n"
END = "<!-- end of values -->\n"


def render(values=None, namespace=NAMESPACE, name=RELEASE):
    """Returns the texts of the objects that Helm's engine makes of the chart, by template."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values, name=name, namespace=namespace)
    texts = {}
    for path, text in files.items():
        documents = re.split(r"^---\n", text, flags=re.MULTILINE)
        documents = [part.strip("\n") + "\n" for part in documents if part.strip()]
        texts[path.split("/")[-1]] = documents
    return texts


def objects(values=None, **options):
    """Returns all objects that the chart makes of these values."""
    texts = render(values, **options)
    del texts["NOTES.txt"]
    return [yaml.safe_load(text) for documents in texts.values() for text in documents]


def kind(text):
    return re.search(r"^kind: (.*)$", text, re.MULTILINE)[1]


def plain(begin, documents):
    """Returns a manifest without Helm's labels."""
    documents = [OF_HELM.sub("", text) for text in documents]
    return "---\n".join([begin, *documents] if begin.endswith("restricted\n") else [begin + documents[0], *documents[1:]])


def operator(begin, values=None):
    texts = render(values)
    documents = [
        text
        for file, documents in texts.items()
        if file not in ("NOTES.txt", "crds.yaml")
        for text in documents
    ]
    return plain(begin, sorted(documents, key=lambda text: ORDER.index(kind(text))))


def runner():
    # `kubectl apply -n` says the namespace, and a subject without one is in that of its binding.
    documents = render({"runner": {"namespaces": ["tenant"]}})["runner.yaml"]
    return plain(RUNNER, [re.sub(r"^ +namespace: tenant\n", "", text, flags=re.MULTILINE) for text in documents])


def described():
    """Returns the path and the description of each value, in the order of values.yaml."""
    found, path, text = [], [], None
    for line in (CHART / "values.yaml").read_text().splitlines():
        if comment := re.match(r" *# -- (.*)", line):
            text = comment[1]
        elif key := re.match(r"( *)([A-Za-z]+):", line):
            path = [*path[: len(key[1]) // 2], key[2]]
            if text:
                found.append((tuple(path), text))
            text = None
    return found


def value(values, path):
    for key in path:
        values = values[key]
    return values


def table():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    rows = ["| value | meaning | default |\n|---|---|---|\n"]
    for path, text in described():
        default = json.dumps(value(values, path), ensure_ascii=False)
        rows.append(f"| `{'.'.join(path)}` | {text} | `{default}` |\n")
    return "".join(rows)


def readme():
    text = (CHART / "README.md").read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}{table()}{END}{after}"


def schema():
    """Returns the schema of the values, with the descriptions of values.yaml."""
    text = json.loads((CHART / "values.schema.json").read_text())
    for path, description in described():
        part = text
        for key in path:
            part = part["properties"][key]
        part["description"] = description
    return json.dumps(text, indent=2, ensure_ascii=False) + "\n"


def schema_paths(part=None, path=()):
    """Returns the paths of all values that the schema knows."""
    part = part or json.loads((CHART / "values.schema.json").read_text())
    if not path or "properties" in part:
        return [found for key, below in part["properties"].items() for found in schema_paths(below, (*path, key))]
    return [path]


def generated():
    """Returns the generated files with their texts."""
    return {
        DEPLOY / "operator" / "operator.yaml": operator(OPERATOR),
        DEPLOY / "operator" / "operator-liferay.yaml": operator(LIFERAY, {"controllers": ["backup", "liferay"]}),
        DEPLOY / "operator" / "operator-kafka.yaml": operator(KAFKA, {"controllers": ["backup", "kafka"]}),
        DEPLOY / "operator" / "runner.yaml": runner(),
        CHART / "README.md": readme(),
        CHART / "values.schema.json": schema(),
    }


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
