"""Tests of the SDK for Python. They need the package that componentize-py generates from the whole interface:

componentize-py -d ../../../wit/v0.2 -w engine bindings BINDINGS
PYTHONPATH=BINDINGS:.. python3 -m unittest
"""

import hashlib
import sys
import unittest
from pathlib import Path
from unittest.mock import patch

from broker_engine import (
    CreateRequest,
    DeleteRequest,
    Engine,
    Err,
    Error,
    ErrorKind,
    ListRequest,
    Outcome,
    RestoreSource_File,
    Settings,
    State,
    StatusRequest,
    amount,
    aws,
    backup,
    check,
    clock,
    exec,
    failure,
    fields,
    health_report,
    http,
    log,
    mock,
    page,
    passing,
    preparation,
    progress,
    random,
    report,
    resources,
    restoration,
    storage,
    target,
)
from broker_engine._world import interface

MANIFEST = Path(__file__).parent / "engine.toml"
VAULT = resources.Kind("acme.example", "v1", "Vault")
CONFIG = resources.Kind("", "v1", "ConfigMap")


def host(**script):
    return mock.Host(MANIFEST, **script)


def vault(name, **rest):
    return {"apiVersion": "acme.example/v1", "kind": "Vault", "metadata": {"name": name, **rest}}


class Case(unittest.TestCase):
    def refused(self, kind, call, *arguments, **named):
        """Asserts that a call raises an error of a kind, and returns the error."""
        with self.assertRaises(Err) as raised:
            call(*arguments, **named)
        self.assertEqual(raised.exception.value.kind, kind)
        return raised.exception.value


class Errors(Case):
    original = Err(Error(ErrorKind.UNAVAILABLE, "nothing listens", "start it", True, 7))

    def test_an_error_of_the_host_keeps_its_cause_whatever_is_changed(self):
        unchanged = passing(self.original).value
        self.assertEqual(unchanged, self.original.value)
        changed = passing(self.original, message="no list", hint="Run `vault serve`").value
        self.assertEqual(changed, Error(ErrorKind.UNAVAILABLE, "no list", "Run `vault serve`", True, 7))

    def test_an_error_of_the_engine_has_a_cause_if_one_is_given(self):
        self.assertIsNone(failure(ErrorKind.FAILED, "x").value.cause)
        self.assertEqual(failure(ErrorKind.FAILED, "x", cause=self.original).value.cause, 7)

    def test_an_error_may_be_raised_within_a_mock_host(self):
        # `contextlib` would fail here: an `Err` is frozen.
        with self.assertRaises(Err), host():
            raise self.original


class Requests(Case):
    def test_a_request_has_what_was_set(self):
        with host(answers={"GET /v1/backups/{id}": mock.answer(200, {"id": "a b"})}) as backend:
            request = http.get("api", "/v1/backups/{id}").parameter("id", "a b").query("full", 1)
            request = request.header("X-Vault-Region", "eu").patience(60).in_pod("vault-1")
            self.assertEqual(request.send().expect_ok().json(), {"id": "a b"})
        sent = backend.sent[0]
        self.assertEqual(sent.parameters, [("id", "a b")])
        self.assertEqual(sent.query, [("full", "1")])
        self.assertEqual(sent.headers, [("X-Vault-Region", "eu")])
        self.assertEqual((sent.patience, sent.pod, sent.body), (60, "vault-1", None))

    def test_a_json_body_has_its_type(self):
        with host(answers={"POST /v1/backups": mock.answer(201)}) as backend:
            http.post("api", "/v1/backups").json({"a": 1}).send()
        self.assertEqual(backend.sent[0].body, b'{"a": 1}')
        self.assertEqual(backend.sent[0].headers, [("content-type", "application/json")])

    def test_a_status_is_an_error_of_its_kind_with_the_text_of_the_body(self):
        route = "/v1/backups/{id}"
        for status, kind in [
            (401, ErrorKind.UNAUTHENTICATED),
            (404, ErrorKind.NOT_FOUND),
            (410, ErrorKind.NOT_FOUND),
            (423, ErrorKind.CONFLICT),
            (501, ErrorKind.UNSUPPORTED),
            (503, ErrorKind.UNAVAILABLE),
            (500, ErrorKind.FAILED),
        ]:
            with host(answers={f"GET {route}": mock.answer(status, "no\nsuch  backup")}):
                response = http.get("api", route).parameter("id", "x").send()
                error = self.refused(kind, response.expect_ok)
            self.assertEqual(error.message, f"GET /v1/backups/x answered {status}: no such backup")
            self.assertEqual(error.retryable, status == 503)

    def test_a_body_that_is_not_json_is_an_error_that_shows_it(self):
        page = "<!DOCTYPE html><html><title>Log in</title></html>"
        for body, shown in [(page, "an HTML page titled 'Log in'"), ("", "an empty body"), ("x", "x")]:
            with host(answers={"GET /v1/health": mock.answer(200, body)}):
                response = http.get("api", "/v1/health").send()
                error = self.refused(ErrorKind.PROTOCOL, response.json)
            self.assertTrue(error.message.endswith(f"is not JSON: {shown}"), error.message)
            self.assertIn("check which port", error.hint)

    def test_text_is_no_html_page_and_no_binary_data(self):
        for body in ["<html></html>", b"\xff"]:
            with host(answers={"GET /v1/health": mock.answer(200, body)}):
                self.refused(ErrorKind.PROTOCOL, http.get("api", "/v1/health").send().text)
        with host(answers={"GET /v1/health": mock.answer(200, "fine")}):
            self.assertEqual(http.get("api", "/v1/health").send().text(), "fine")

    def test_a_long_body_is_read_in_pieces(self):
        with host(answers={"GET /v1/health": mock.answer(200, b"abcdefg")}):
            pieces = list(http.get("api", "/v1/health").send().pieces(3))
        self.assertEqual(pieces, [b"abc", b"def", b"g"])

    def test_a_body_over_the_limit_is_an_error_but_does_not_hide_a_status(self):
        with host(answers={"GET /v1/health": mock.answer(200, b"abc")}):
            self.refused(ErrorKind.PROTOCOL, http.get("api", "/v1/health").send().bytes, 2)
        long = mock.answer(503, b"x" * (http.MAX_ERROR_BODY + 1))
        with host(answers={"GET /v1/health": long}):
            self.refused(ErrorKind.UNAVAILABLE, http.get("api", "/v1/health").send().expect_ok)

    def test_each_replica_is_asked_and_a_failure_stands_in_its_place(self):
        answers = {
            "GET /v1/health": mock.answer(200, {"ok": True}, [("ETag", "x")]),
            "GET /v1/health in vault-1": mock.unavailable("nothing listens"),
        }
        with host(answers=answers, pods=["vault-0", "vault-1"]) as backend:
            requests = [http.get("api", "/v1/health").in_pod(pod) for pod in http.pods("api")]
            first, second = http.send_all(requests)
        self.assertEqual([sent.pod for sent in backend.sent], ["vault-0", "vault-1"])
        self.assertEqual((first.expect_ok().json(), first.header("etag")), ({"ok": True}, "x"))
        self.assertEqual(second.value.message, "nothing listens")

    def test_a_batch_has_a_limit(self):
        requests = [http.get("api", "/v1/health")] * 1001
        with host():
            self.refused(ErrorKind.INVALID_ARGUMENT, http.send_all, requests)

    def test_the_mock_host_denies_what_the_manifest_does_not_allow(self):
        with host():
            denied = [
                http.get("api", "/v1/other"),
                http.delete("api", "/v1/health"),
                http.get("other", "/v1/health"),
                http.get("admin", "/v1/health").in_pod("vault-0"),
                http.get("api", "/v1/health").header("X-Other", "x"),
            ]
            for request in denied:
                self.refused(ErrorKind.DENIED, request.send)
            self.refused(ErrorKind.DENIED, http.pods, "admin")
            outside = http.get("api", "/v1/backups/{id}").parameter("id", "../x")
            self.refused(ErrorKind.INVALID_ARGUMENT, outside.send)
            missing = http.get("api", "/v1/backups/{id}")
            self.refused(ErrorKind.INVALID_ARGUMENT, missing.send)

    def test_a_request_without_an_answer_fails_the_test(self):
        with host(), self.assertRaises(AssertionError):
            http.get("api", "/v1/health").send()


class Files(Case):
    def test_a_body_is_saved_if_it_meets_the_expectations(self):
        content = b"a backup"
        digest = hashlib.sha256(content).hexdigest()
        answers = {"GET /v1/backups/{id}": mock.answer(200, content)}

        def save(**expected):
            return http.get("api", "/v1/backups/{id}").parameter("id", "a").send().save(**expected)

        with host(answers=answers) as backend:
            saved = save(name="a.zip", length=8, sha256=digest.upper())
            self.refused(ErrorKind.INTEGRITY, save, length=9)
            self.refused(ErrorKind.INTEGRITY, save, sha256="0" * 64)
        self.assertEqual((saved.name, saved.length, saved.sha256), ("a.zip", 8, digest))
        self.assertEqual([file.content for file in backend.saved], [content])

    def test_a_file_of_the_user_is_sent(self):
        file = RestoreSource_File(mock.artifact("a.zip", b"a backup")).value
        self.assertEqual((file.name(), file.length()), ("a.zip", 8))
        with host(answers={"POST /v1/backups": mock.answer(202)}) as backend:
            http.post("api", "/v1/backups").send_file(file).expect_ok()
            with_body = http.post("api", "/v1/backups").body(b"x")
            self.refused(ErrorKind.INVALID_ARGUMENT, with_body.send_file, file)
        self.assertEqual([file.content for file in backend.sent_files], [b"a backup"])

    def test_a_form_is_sent(self):
        file = RestoreSource_File(mock.artifact("a.zip", b"a backup")).value
        with host(answers={"POST /v1/backups": mock.answer(202)}) as backend:
            form = [("mode", "full"), ("upload", file), ('a"\r\n', "")]
            post = lambda: http.post("api", "/v1/backups")
            post().send_form(form).expect_ok()
            post().send_form([("a", "")] * 100).expect_ok()
            self.refused(ErrorKind.INVALID_ARGUMENT, post().body(b"x").send_form, form)
            typed = post().header("Content-Type", "text/plain")
            self.refused(ErrorKind.INVALID_ARGUMENT, typed.send_form, form)
            for wrong in ([], [("a", "")] * 101, [("", "")], [("x" * 257, "")], [("a\t", "")], [("a", "x" * (1 << 20))]):
                self.refused(ErrorKind.INVALID_ARGUMENT, post().send_form, wrong)
        sent = [("mode", "full"), ("upload", mock.File("a.zip", b"a backup")), ('a"\r\n', "")]
        self.assertEqual(backend.sent_forms, [sent, [("a", "")] * 100])
        self.assertEqual([file.content for file in backend.sent_files], [b"a backup"])


class Objects(Case):
    def test_objects_are_made_changed_and_deleted(self):
        with host() as cluster:
            made = VAULT.create({"metadata": {"generateName": "a-"}, "spec": {"x": 1, "y": 2}})
            name = made["metadata"]["name"]
            self.assertEqual((made["apiVersion"], made["kind"]), ("acme.example/v1", "Vault"))
            self.assertEqual(VAULT.patch(name, {"spec": {"x": None}})["spec"], {"y": 2})
            self.refused(ErrorKind.CONFLICT, VAULT.create, vault(name))
            VAULT.delete(name)
            self.refused(ErrorKind.NOT_FOUND, VAULT.get, name)
        self.assertEqual([change.verb for change in cluster.changes], ["create", "patch", "delete"])

    def test_a_dry_run_stores_nothing(self):
        with host(objects=[vault("a")]) as cluster:
            dry = VAULT.dry_run()
            dry.create(vault("b"))
            self.assertEqual(dry.patch("a", {"spec": 1})["spec"], 1)
            dry.delete("a")
            self.assertEqual(VAULT.list(), [vault("a")])
        self.assertEqual(cluster.changes, [])

    def test_a_list_has_the_objects_of_its_selection(self):
        objects = [vault("a", labels={"app": "x"}), vault("b", labels={"app": "y"}), vault("c")]
        with host(objects=objects):
            names = lambda found: [one["metadata"]["name"] for one in found]
            self.assertEqual(names(VAULT.list(labels="app=y")), ["b"])
            self.assertEqual(names(VAULT.list(fields="metadata.name=c")), ["c"])
            self.assertEqual(names(VAULT.list(limit=2)), ["a", "b"])

    def test_an_object_is_found_in_its_namespace_alone(self):
        here = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "default"}}
        there = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "other"}}
        with host(objects=[here, there]):
            self.assertEqual(CONFIG.list(), [here])
            self.assertEqual(CONFIG.in_namespace("default").list(), [here])
            self.assertEqual(CONFIG.in_namespace("other").list(), [there])
            self.refused(ErrorKind.DENIED, VAULT.in_namespace("other").get, "a")

    def test_a_rule_may_name_another_namespace(self):
        kind = resources.Kind("velero.io", "v1", "Backup")
        one = {"apiVersion": "velero.io/v1", "kind": "Backup", "metadata": {"name": "a", "namespace": "velero"}}
        with host(objects=[one]):
            self.assertEqual(kind.get("a"), one)
            self.refused(ErrorKind.DENIED, kind.list)

    def test_a_watch_begins_with_what_is_there_and_goes_on_with_events(self):
        events = [("modified", vault("a", uid="1")), ("added", vault("b")), ("deleted", vault("a"))]
        with host(objects=[vault("a")], events=events):
            changes = [(event.change.name, event.object["metadata"]["name"]) for event in VAULT.watch()]
            self.assertEqual(VAULT.list(), [vault("b")])
        expected = [("ADDED", "a"), ("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]
        self.assertEqual(changes, expected)
        self.assertEqual(resources.Change.ADDED.name, "ADDED")

    def test_an_access_may_be_refused(self):
        refused = {"list acme.example/v1/Vault": failure(ErrorKind.FORBIDDEN, "RBAC")}
        with host(refused=refused):
            self.refused(ErrorKind.FORBIDDEN, VAULT.list)
            self.refused(ErrorKind.DENIED, VAULT.patch, "a", {}, status=True)
            self.refused(ErrorKind.DENIED, resources.Kind("", "v1", "Secret").get, "a")


class Commands(Case):
    def test_a_command_runs_in_its_pod(self):
        commands = {"free": [mock.ran("12\n"), mock.ran(exit_code=1, stderr="no\nsuch  folder")]}
        with host(commands=commands, pods=["vault-0", "vault-1"]) as cluster:
            first, second = exec.pods()
            self.assertEqual(exec.command("free").argument("path", "/a").run().text(), "12")
            output = exec.command("free").argument("path", "/b").in_pod(second).run()
            error = self.refused(ErrorKind.FAILED, output.expect_success, "looking at /b")
            self.refused(ErrorKind.DENIED, exec.command("free").in_pod("other-0").run)
            self.refused(ErrorKind.DENIED, exec.command("other").run)
        self.assertEqual(error.message, "looking at /b: no such folder")
        ran = [(command.pod, command.arguments) for command in cluster.ran]
        self.assertEqual(ran, [(first, {"path": "/a"}), (second, {"path": "/b"})])


class Outside(Case):
    """Object stores, and services of AWS."""

    vaults = storage.Store("vaults")

    def test_objects_are_read_written_copied_and_deleted(self):
        with host(stored={"acme-vaults/a": b"one", "acme-vaults/archive/old": "x"}) as mocked:
            self.assertEqual(self.vaults.get("acme-vaults", "a").bytes(), b"one")
            found = self.vaults.head("acme-vaults", "a")
            self.assertEqual((found.key, found.size), ("a", 3))
            copies = self.vaults.copy(
                [
                    storage.duplicate(("acme-vaults", "a"), ("acme-vaults", "archive/a"), 3, found.etag),
                    storage.duplicate(("acme-vaults", "a"), ("acme-vaults", "archive/b"), etag="other"),
                    storage.duplicate(("acme-vaults", "a"), ("acme-vaults", "elsewhere")),
                ]
            )
            self.assertEqual(copies[0].value.key, "archive/a")
            kinds = [copy.value.kind for copy in copies[1:]]
            self.assertEqual(kinds, [ErrorKind.CONFLICT, ErrorKind.DENIED])
            put = self.vaults.put("acme-vaults", "archive/c", b"{}", absent=True)
            again = {"absent": True}
            self.refused(ErrorKind.CONFLICT, self.vaults.put, "acme-vaults", "archive/c", b"", **again)
            self.vaults.put("acme-vaults", "archive/c", b"[]", unchanged=put.etag)
            self.vaults.delete("acme-vaults", ["archive/old", "archive/none"])
            self.assertEqual(list(mocked.stored), ["acme-vaults/a", "acme-vaults/archive/a", "acme-vaults/archive/c"])
            self.assertEqual(mocked.stored["acme-vaults/archive/c"], b"[]")

    def test_lists_have_pages_and_folders(self):
        stored = {f"acme-vaults/{key}": "x" for key in ["a", "b/1", "b/2", "c"]}
        with host(stored=stored):
            keys = [one.key for one in self.vaults.objects("acme-vaults")]
            self.assertEqual(keys, ["a", "b/1", "b/2", "c"])
            first = self.vaults.page("acme-vaults", folders=True, limit=2)
            self.assertEqual(([one.key for one in first.objects], first.folders), (["a"], ["b/"]))
            second = self.vaults.page("acme-vaults", folders=True, cursor=first.next)
            self.assertEqual(([one.key for one in second.objects], second.next), (["c"], None))

    def test_a_list_that_does_not_end_is_an_error(self):
        with host():
            endless = storage.Page([], [], "again")
            with patch.object(interface("storage"), "list", lambda *_: endless):
                self.refused(ErrorKind.PROTOCOL, lambda: list(self.vaults.objects("acme-vaults")))

    def test_what_the_manifest_does_not_allow_is_denied(self):
        with host(stored={"other/a": "x"}):
            self.refused(ErrorKind.DENIED, self.vaults.get, "other", "a")
            self.refused(ErrorKind.DENIED, self.vaults.put, "acme-vaults", "a", b"")
            self.refused(ErrorKind.DENIED, self.vaults.put, "acme-vaults", "archived", b"")
            self.refused(ErrorKind.DENIED, storage.Store("other").get, "acme-vaults", "a")
            self.refused(ErrorKind.INVALID_ARGUMENT, self.vaults.get, "acme-vaults", "a/../b")
            self.refused(ErrorKind.INVALID_ARGUMENT, self.vaults.get, "acme-vaults?x=", "a")
            self.refused(ErrorKind.INVALID_ARGUMENT, self.vaults.delete, "acme-vaults", ["a"] * 1001)
            self.refused(ErrorKind.DENIED, aws.call, "rds", "DeleteDBSnapshot")
            self.refused(ErrorKind.DENIED, aws.call, "iam", "CreateUser")

    def test_a_test_can_refuse_an_object_and_a_list(self):
        refused = {name: failure(ErrorKind.FORBIDDEN, "no") for name in ["acme-vaults/a", "acme-vaults/"]}
        with host(stored={"acme-vaults/a": "x"}, refused_stored=refused):
            self.refused(ErrorKind.FORBIDDEN, self.vaults.get, "acme-vaults", "a")
            self.refused(ErrorKind.FORBIDDEN, self.vaults.page, "acme-vaults")

    def test_an_action_has_parameters_and_answers_with_xml(self):
        with host(actions={"rds:DescribeDBSnapshots": "<Snapshots/>"}) as mocked:
            said = aws.call("rds", "DescribeDBSnapshots", {"MaxRecords": 20}, region="eu-west-1")
            self.assertEqual(said, "<Snapshots/>")
            called = mock.Called("rds:DescribeDBSnapshots", {"MaxRecords": "20"}, "eu-west-1")
            self.assertEqual(mocked.called, [called])


class Surroundings(Case):
    def test_messages_and_progress_are_kept(self):
        with host() as surroundings:
            log.debug("a")
            log.info("b")
            log.warn("c")
            progress.report("half", 1, 2)
        self.assertEqual(surroundings.messages, [("debug", "a"), ("info", "b"), ("warn", "c")])
        self.assertEqual(surroundings.warnings, ["c"])
        self.assertEqual(surroundings.progress, [("half", 1, 2)])

    def test_the_clock_and_the_time_zone_are_those_of_the_host(self):
        with host(now=1_762_698_600_999, offset=-90):
            self.assertEqual(clock.now(), 1_762_698_600_999)
            self.assertEqual(clock.offset(), -90)
            self.assertEqual(clock.stamp(), "20251109-143000")
            self.assertEqual(clock.local().isoformat(timespec="seconds"), "2025-11-09T13:00:00-01:30")

    def test_a_token_is_the_same_in_each_run_and_another_in_each_call(self):
        def tokens():
            with host():
                return [random.token(8), random.token(8)]

        first, second = tokens()
        self.assertEqual([first, second], tokens())
        self.assertNotEqual(first, second)
        with host():
            self.assertEqual([len(random.token(length)) for length in (0, 64, 99)], [1, 64, 64])

    def test_the_target_is_that_of_the_test(self):
        with host(namespace="prod", statefulset="vault"):
            found = target.get()
        self.assertEqual((found.namespace, found.statefulset, found.pod), ("prod", "vault", None))


class Results(Case):
    def test_a_backup_has_its_columns_progress_and_warnings(self):
        made = backup(
            "a",
            State.RUNNING,
            progress=amount(1, 2, "copying"),
            warnings=["one shard is missing"],
            storage_class="fast",
            zone=None,
        )
        self.assertEqual((made.progress.done, made.progress.step), (1, "copying"))
        self.assertEqual(made.warnings, ["one shard is missing"])
        self.assertEqual([(field.name, field.value) for field in made.fields], [("storage-class", "fast")])

    def test_results_are_those_of_the_interface(self):
        one = backup("a", State.SUCCEEDED)
        self.assertEqual((page([one]).backups, page([], next="2").next), ([one], "2"))
        self.assertEqual((preparation(["n"], b"t").notes, preparation().token), (["n"], None))
        passed = check("disk", Outcome.PASSED)
        self.assertEqual(health_report([passed], pod="vault-0").pod, "vault-0")
        self.assertEqual(restoration(one, {"Free space": 3}).details, fields({"Free space": 3}))
        self.assertEqual(report.items(iter([passed])).value, [passed])
        self.assertEqual((report.text("x").value, report.backups([one]).value), ("x", [one]))
        self.assertEqual(type(report.done()).__name__, "Report_Done")

    def test_an_operation_that_is_not_defined_is_unsupported(self):
        engine = Engine()
        for operation in ["health", "list", "prepare", "verify", "act"]:
            self.refused(ErrorKind.UNSUPPORTED, getattr(engine, operation), None)

    def test_a_request_of_a_test_has_defaults(self):
        self.assertEqual(mock.request(ListRequest), ListRequest(None, None, []))
        self.assertEqual(mock.request(DeleteRequest, id="a", force=True).force, True)
        options = {"region": "eu", "days": 3, "all": True}
        settings = Settings(mock.request(CreateRequest, options).options)
        self.assertEqual([settings.get(name) for name in options], ["eu", 3, True])
        with self.assertRaisesRegex(TypeError, "StatusRequest needs id"):
            mock.request(StatusRequest)
        with self.assertRaisesRegex(TypeError, "ListRequest has no limits"):
            mock.request(ListRequest, limits=3)


class World(Case):
    def test_an_interface_that_the_world_lacks_says_so_when_it_is_used(self):
        with patch.dict(sys.modules, {"wit_world.imports.exec": None}):
            missing = interface("exec")
        with self.assertRaisesRegex(RuntimeError, "import kubectl-broker:engine/exec@"):
            missing.run("free", None, [])


if __name__ == "__main__":
    unittest.main()
