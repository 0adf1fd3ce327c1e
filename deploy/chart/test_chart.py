"""Tests of the chart: Helm's own engine renders it, and the API schemas of two versions of Kubernetes judge the objects."""

import copy
import json
import re
import sys
import tempfile
import unittest

import helm_python as helm
import kubernetes_validate
import yaml

import generate
from generate import CHART, DEPLOY, objects, render

PROJECT = DEPLOY.parent
# The oldest version that the chart accepts, and the newest whose schemas there are.
VERSIONS = ["1.30", "1.37"]
# Kinds that no version of Kubernetes brings.
OTHERS = {"ServiceMonitor", "PrometheusRule"}

EVERYTHING = {
    "watchNamespace": "",
    "imagePullSecrets": [{"name": "registry"}],
    "image": {"digest": "sha256:" + "0" * 64},
    "runs": {"queueLabel": "kueue.x-k8s.io/queue-name=backups"},
    "controllers": ["backup", "liferay", "kafka"],
    "kafka": {"job": {"serviceAccountName": "kafka", "resources": {"limits": {"memory": "4Gi"}}}},
    "requests": {"maxPerProject": 3, "job": {"serviceAccountName": "backups", "env": [{"name": "AWS_REGION", "value": "eu-west-1"}]}},
    "runner": {"namespaces": ["prod", "test"], "annotations": {"example.com/role": "backups"}},
    "extraArgs": ["--log=text"],
    "env": [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}],
    "serviceAccount": {"annotations": {"example.com/role": "operator"}},
    "service": {"annotations": {"example.com/note": "a: b"}},
    "podAnnotations": {"example.com/note": "true"},
    "podLabels": {"app.kubernetes.io/name": "not-this", "team": "backups"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "infra", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]}]}}},
    "priorityClassName": "system-cluster-critical",
    "podDisruptionBudget": {"maxUnavailable": "50%"},
    "networkPolicy": {"enabled": True, "ingressFrom": [{"namespaceSelector": {"matchLabels": {"team": "metrics"}}}]},
    "serviceMonitor": {"enabled": True, "labels": {"app.kubernetes.io/instance": "mine"}, "scrapeTimeout": "10s"},
    "prometheusRule": {"enabled": True, "labels": {"team": "a"}, "alertLabels": {"severity": "page"}},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "Backups"}},
}
# Each option on, and without the objects of which there is only one in a cluster.
ONE_NAMESPACE = {
    **EVERYTHING,
    "watchNamespace": "prod",
    "crds": {"install": False},
    "leaderElection": {"namespace": "leases"},
    "networkPolicy": {"enabled": True, "egress": [{"ports": [{"port": 6443}]}]},
}
LEAST = {
    "replicas": 1,
    "crds": {"keep": False},
    "serviceAccount": {"create": False, "name": "mine"},
    "rbac": {"create": False},
    "resources": {},
    "topologySpreadConstraints": [],
    "podDisruptionBudget": {"enabled": False},
    "statusGuard": {"enabled": False},
}
VALUES = {"default": {}, "everything": EVERYTHING, "one namespace": ONE_NAMESPACE, "least": LEAST}

# Values that the schema must refuse.
WRONG = [
    {"replica": 3},
    {"replicas": "2"},
    {"replicas": -1},
    {"log": "xml"},
    {"watchNamespace": ["a"]},
    {"watchNamespace": "Prod"},
    {"image": {"digest": "latest"}},
    {"image": {"pullPolicy": "Sometimes"}},
    {"runs": {"queueLabel": "backups"}},
    {"runs": {"max": -1}},
    {"controllers": ["liferay"]},
    {"controllers": ["backup", "velero"]},
    {"requests": {"maxPerProject": -1}},
    {"kafka": {"stateClaim": ""}},
    {"runner": {"namespaces": [""]}},
    {"runner": {"namespaces": "prod"}},
    {"listen": {"port": 0}},
    {"statusGuard": {"actions": []}},
    {"statusGuard": {"actions": ["Deny", "Warn"]}},
    {"serviceMonitor": {"interval": "soon"}},
    {"prometheusRule": {"overdueIntervals": 0}},
    {"podDisruptionBudget": {"maxUnavailable": "half"}},
    {"imagePullSecrets": ["registry"]},
]


def merged(base, path, value):
    """Returns a copy of values in which the one at a path is another."""
    result = copy.deepcopy(base)
    part = result
    for key in path[:-1]:
        part = part.setdefault(key, {})
    part[path[-1]] = value
    return result


def other(value):
    """Returns a valid value that differs, for values without a form of their own."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return "other"
        case list():
            return []
        case _:
            return {"other": "other"}


# Values that need a certain form, or that others must not hide.
FORMS = {
    ("log",): "text",
    ("controllers",): ["backup"],
    ("requests", "job"): {"serviceAccountName": "other"},
    ("image", "digest"): "sha256:" + "1" * 64,
    ("runs", "image", "digest"): "sha256:" + "1" * 64,
    ("kafka", "image", "digest"): "sha256:" + "1" * 64,
    ("kafka", "job"): {"serviceAccountName": "other"},
    ("image", "pullPolicy"): "Always",
    ("runs", "queueLabel"): "other=queue",
    ("runner", "namespaces"): ["other"],
    ("podDisruptionBudget", "maxUnavailable"): 2,
    ("imagePullSecrets",): [{"name": "other"}],
    ("extraArgs",): ["--other"],
    ("env",): [{"name": "OTHER", "value": "1"}],
    ("tolerations",): [{"key": "other"}],
    ("networkPolicy", "ingressFrom"): [{"podSelector": {}}],
    ("networkPolicy", "egress"): [{"ports": [{"port": 1}]}],
    ("statusGuard", "actions"): ["Audit"],
    ("serviceMonitor", "interval"): "1m",
    ("serviceMonitor", "scrapeTimeout"): "1s",
    ("prometheusRule", "queuedFor"): "2h",
    ("prometheusRule", "withoutLeaderFor"): "2h",
}
# What must be different for a value to have an effect.
FIRST = {("image", "tag"): {"image": {"digest": ""}}, ("nameOverride",): {"fullnameOverride": ""}}


def of_kind(found, kind):
    return [it for it in found if it["kind"] == kind]


class Chart(unittest.TestCase):
    maxDiff = None

    def test_generated_files_are_those_of_the_chart(self):
        for path, text in generate.generated().items():
            hint = f"{path.relative_to(PROJECT)} is out of date: run {sys.executable} {generate.__file__}"
            self.assertEqual(path.read_text(), text, hint)

    def test_the_chart_has_the_definitions_of_the_program(self):
        text = (DEPLOY / "operator" / "crds.yaml").read_text()
        program = [it for it in yaml.safe_load_all(text) if it]
        self.assertEqual(len(program), 4)
        for keep in (True, False):
            found = of_kind(objects({"crds": {"keep": keep}}), "CustomResourceDefinition")
            for definition in found:
                del definition["metadata"]["labels"]
                policy = definition["metadata"].pop("annotations", None)
                self.assertEqual(policy, {"helm.sh/resource-policy": "keep"} if keep else None)
            self.assertEqual(found, program)
        found = objects({"crds": {"install": False}})
        self.assertEqual(of_kind(found, "CustomResourceDefinition"), [])

    def test_helm_finds_nothing_to_complain_about(self):
        for name, values in VALUES.items():
            for version in VERSIONS:
                report = helm.lint(CHART, values, strict=True, kube_version=f"v{version}.0")
                # An icon is recommended, and there is none.
                found = [it for it in report["messages"] if it["severity"] > 1]
                self.assertEqual((found, report["errors"]), ([], []), name)

    def test_objects_are_valid_in_the_oldest_and_the_newest_version(self):
        for name, values in VALUES.items():
            for thing in objects(values):
                if thing["kind"] in OTHERS:
                    continue
                for version in VERSIONS:
                    with self.subTest(values=name, kind=thing["kind"], name=thing["metadata"]["name"], version=version):
                        used = kubernetes_validate.validate(thing, version, strict=True)
                        self.assertEqual(used, version)

    def test_files_for_kubectl_are_valid(self):
        for file in ("operator.yaml", "operator-liferay.yaml", "operator-kafka.yaml", "runner.yaml", "crds.yaml", "liferay-crds.yaml", "kafka-crds.yaml"):
            for thing in yaml.safe_load_all((DEPLOY / "operator" / file).read_text()):
                for version in VERSIONS if thing else []:
                    kubernetes_validate.validate(thing, version, strict=True)

    def test_no_object_is_there_twice(self):
        for name, values in VALUES.items():
            names = [(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in objects(values)]
            self.assertEqual(len(names), len(set(names)), name)

    def test_wrong_values_are_refused(self):
        for values in WRONG:
            with self.subTest(values=values), self.assertRaises(helm.HelmError):
                render(values)

    def test_each_value_is_described(self):
        described = [path for path, _ in generate.described()]

        def check(values, path):
            if path in described:
                return
            self.assertIsInstance(values, dict, f"{'.'.join(path)} needs a comment that begins with `# --`")
            self.assertTrue(values, f"{'.'.join(path)} needs a comment that begins with `# --`")
            for key in values:
                check(values[key], (*path, key))

        values = yaml.safe_load((CHART / "values.yaml").read_text())
        check(values, ())
        self.assertEqual(set(generate.schema_paths()), set(described) | {("global",)})

    def test_each_value_has_an_effect(self):
        defaults = yaml.safe_load((CHART / "values.yaml").read_text())
        for path, _ in generate.described():
            base = copy.deepcopy(EVERYTHING)
            for key, part in FIRST.get(path, {}).items():
                base[key] = {**base.get(key, {}), **part} if isinstance(part, dict) else part
            try:
                present = generate.value(base, path)
            except KeyError:
                present = generate.value(defaults, path)
            changed = FORMS.get(path, other(present))
            with self.subTest(value=".".join(path)):
                self.assertFalse(render(base) == render(merged(base, path, changed)))

    def test_each_flag_of_the_operator_is_a_value(self):
        settings = (PROJECT / "operator/program/src/settings.rs").read_text()
        flags = re.findall(r"#\[arg\(\s*long[^]]*?\)\]\s*pub\(crate\) (\w+):", settings)
        self.assertGreater(len(flags), 8)
        found = of_kind(objects(ONE_NAMESPACE), "Deployment")[0]
        container = found["spec"]["template"]["spec"]["containers"][0]
        given = {argument.split("=")[0] for argument in container["args"]}
        # The name of a replica is that of its pod.
        self.assertEqual(container["env"][0]["name"], "POD_NAME")
        # The address of the history has a password, so it comes from a Secret: see the value `env`.
        expected = {"--" + flag.replace("_", "-") for flag in flags} - {"--identity", "--history"}
        self.assertEqual(given, expected)

    def test_an_operator_for_one_namespace_has_no_permissions_elsewhere(self):
        found = objects(ONE_NAMESPACE)
        self.assertEqual(of_kind(found, "ClusterRole") + of_kind(found, "ClusterRoleBinding"), [])
        roles = {it["metadata"]["name"]: it["metadata"]["namespace"] for it in of_kind(found, "Role")}
        self.assertEqual(roles["broker-operator"], "prod")
        self.assertEqual(roles["broker-operator-leader"], "leases")
        everywhere = of_kind(objects(EVERYTHING), "ClusterRole")[0]
        role = next(it for it in of_kind(found, "Role") if it["metadata"]["name"] == "broker-operator")
        self.assertEqual(role["rules"], everywhere["rules"])

    def test_releases_for_one_namespace_each_share_no_object(self):
        def names(release, namespace):
            values = {**ONE_NAMESPACE, "watchNamespace": namespace, "runner": {"namespaces": [namespace]}}
            values.pop("leaderElection")
            found = objects(values, name=release, namespace=release)
            return {(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in found}

        self.assertEqual(names("a", "prod") & names("b", "test"), set())

    def test_pods_fulfil_the_restricted_standard(self):
        spec = of_kind(objects(), "Deployment")[0]["spec"]["template"]["spec"]
        self.assertTrue(spec["securityContext"]["runAsNonRoot"])
        self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
        container = spec["containers"][0]["securityContext"]
        self.assertFalse(container["allowPrivilegeEscalation"])
        self.assertEqual(container["capabilities"], {"drop": ["ALL"]})

    def test_selectors_find_the_pods(self):
        for name, values in VALUES.items():
            found = objects(values)
            labels = of_kind(found, "Deployment")[0]["spec"]["template"]["metadata"]["labels"].items()
            for kind, path in {
                "Deployment": ("selector", "matchLabels"),
                "Service": ("selector",),
                "PodDisruptionBudget": ("selector", "matchLabels"),
                "NetworkPolicy": ("podSelector", "matchLabels"),
            }.items():
                for thing in of_kind(found, kind):
                    selector = generate.value(thing["spec"], path)
                    self.assertTrue(selector.items() <= labels, f"{name}: {kind}")
            for monitor in of_kind(found, "ServiceMonitor"):
                service = of_kind(found, "Service")[0]["metadata"]["labels"].items()
                self.assertTrue(monitor["spec"]["selector"]["matchLabels"].items() <= service)

    def test_the_guard_knows_how_jobs_are_named(self):
        names = (PROJECT / "operator/api/src/names.rs").read_text()
        longest = int(re.search(r"const JOB_MAX: usize = (\d+);", names)[1])
        digits = int(re.search(r'format!\("\{:0(\d+)x\}"', names)[1])
        cut = longest - digits - 1
        policy = of_kind(objects(), "ValidatingAdmissionPolicy")[0]["spec"]
        variables = {it["name"]: it["expression"] for it in policy["variables"]}
        self.assertIn(f"variables.full.size() <= {longest} ", variables["isWhole"])
        self.assertIn(f"variables.full.size() <= {cut} ", variables["job"])
        self.assertIn(f".substring(0, {cut})", variables["job"])
        # A hyphen before the hash, and a hyphen and five characters of the pod.
        self.assertIn(f"? 6 : {1 + digits + 6})", policy["validations"][0]["expression"])
        self.assertIn("'backupstores': 'check-'", variables["full"])
        self.assertIn('job_name("check", ', (PROJECT / "operator/program/src/stores.rs").read_text())

    def test_versions_are_those_of_the_program(self):
        cargo = (PROJECT / "Cargo.toml").read_text()
        version = re.search(r'^version = "(.*)"$', cargo, re.MULTILINE)[1]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((chart["version"], chart["appVersion"]), (version, version))

    def test_a_package_renders_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            package = helm.package(CHART, destination=folder)
            with helm.Chart.load(package) as chart:
                files = chart.render(EVERYTHING, name=generate.RELEASE, namespace=generate.NAMESPACE)
        with helm.Chart.load(CHART) as chart:
            self.assertEqual(files, chart.render(EVERYTHING, name=generate.RELEASE, namespace=generate.NAMESPACE))


class Monitoring(unittest.TestCase):
    def setUp(self):
        found = objects(EVERYTHING)
        rule = of_kind(found, "PrometheusRule")[0]
        self.rules = rule["spec"]["groups"][0]["rules"]
        dashboard = of_kind(found, "ConfigMap")[0]["data"]["broker-operator.json"]
        self.dashboard = json.loads(dashboard)
        self.queries = [target["expr"] for panel in self.dashboard["panels"] for target in panel["targets"]]

    def test_metrics_are_those_of_the_operator(self):
        source = (PROJECT / "operator/program/src/metrics.rs").read_text()
        served = set()
        registered = r'register(_with_unit)?\(\s*"(\w+)",\s*"[^"]*",\s*(?:Unit::(\w+),\s*)?self\.(\w+)'
        for _, name, unit, field in re.findall(registered, source):
            type_ = re.search(rf"    (?:pub\(crate\) )?{field}: .*?\b(Gauge|Counter|Histogram)\b", source)[1]
            name = f"broker_{name}_{unit.lower()}" if unit else f"broker_{name}"
            ends = {"Gauge": [""], "Counter": ["_total"], "Histogram": ["_bucket", "_sum", "_count"]}[type_]
            served |= {name + end for end in ends}
        self.assertGreater(len(served), 10)
        # The numbers of single schedules and stores are written without a registry.
        subjects = (PROJECT / "operator/program/src/metrics/subjects.rs").read_text().split("#[cfg(test)]")[0]
        of_subjects = re.findall(r'"((?:schedule|store|backup)_\w+|runs)"', subjects)
        self.assertGreater(len(of_subjects), 8)
        served |= {f"broker_{name}{end}" for name in of_subjects for end in ["", "_total"]}
        used = set()
        for query in [rule["expr"] for rule in self.rules] + self.queries:
            used |= set(re.findall(r"\bbroker_\w+", query))
        self.assertLessEqual(used, served)

    def test_each_alert_has_a_runbook(self):
        page = (PROJECT / "docs/operator.md").read_text()
        headings = {heading.lower() for heading in re.findall(r"^#+ (\w+)$", page, re.MULTILINE)}
        for rule in self.rules:
            address, anchor = rule["annotations"]["runbook_url"].split("#")
            self.assertEqual(address, "docs/operator.md")
            self.assertIn(anchor, headings)
            self.assertEqual(anchor, rule["alert"].lower())
            self.assertEqual(rule["labels"]["severity"], "page", "the user's labels win")

    def test_panels_have_queries_and_do_not_overlap(self):
        taken = set()
        ids = [panel["id"] for panel in self.dashboard["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        for panel in self.dashboard["panels"]:
            self.assertTrue(panel["targets"], panel["title"])
            self.assertTrue(panel["description"], panel["title"])
            at = panel["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], 24)
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertEqual(cells & taken, set(), panel["title"])
            taken |= cells


if __name__ == "__main__":
    unittest.main()
