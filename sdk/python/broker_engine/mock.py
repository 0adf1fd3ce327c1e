"""A host for tests: it answers from a script, and a call without a scripted answer fails the test.

::

    with mock.Host(answers={"GET /v1/backups": mock.answer(200, {"backups": []})}) as host:
        assert Operations().list(mock.request(ListRequest)).backups == []
    assert host.sent[0].route == "/v1/backups"

With a manifest, as in ``mock.Host("engine.toml", …)``, the host also denies what the manifest does not allow.
"""

import hashlib
import json
import re
import tomllib
import unicodedata
from copy import deepcopy
from dataclasses import dataclass
from dataclasses import fields as fields_of
from typing import Any
from unittest.mock import patch

from componentize_py_types import Err, Ok
from wit_world.imports import types
from wit_world.imports.types import ErrorKind

from ._mock_storage import Called, Outside
from ._world import interface
from .errors import failure

_http = interface("http")
_artifacts = interface("artifacts")
_resources = interface("resources")
_exec = interface("exec")
_target = interface("target")

#: The headers that every engine may send.
_HEADERS = {
    "accept",
    "accept-language",
    "cache-control",
    "content-language",
    "content-type",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "pragma",
    "prefer",
    "range",
}
#: The limits of the real host.
_MAX_BATCH = 1000
_MAX_PARTS = 100
_MAX_FORM = 1 << 20
_MAX_NAME = 256
_MAX_TOKEN = 64
_CHARACTERS = "bcdfghjklmnpqrstvwxz2456789"


def answer(status, body=b"", headers=()):
    """Returns an answer of the backend; ``body`` is bytes, text, or a value that is sent as JSON. ``headers``
    are pairs."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return _Answer(status, list(headers), body)


def unavailable(message):
    """Returns a failed call: the backend does not respond."""
    return failure(ErrorKind.UNAVAILABLE, message, retryable=True)


def ran(stdout="", exit_code=0, stderr=""):
    """Returns the result of a command."""
    return _Ran(exit_code, stdout.encode(), stderr.encode())


def artifact(name, content):
    """Returns a file of the user, for ``restore``: ``RestoreSource_File(mock.artifact("a.zip", b"…"))``."""
    return _Artifact(name, content)


def request(kind, options=None, **given):
    """Returns a request: ``request(ListRequest, limit=3, options={"region": "eu"})``. Arguments that are not
    given are ``None``, false or empty; an id must be given."""
    known = {field.name: field for field in fields_of(kind)}
    defaults = {"cursor": None, "limit": None, "prepared": None, "force": False, "dry_run": False}
    given["options"] = [_setting(name, value) for name, value in (options or {}).items()]
    values = {name: value for name, value in defaults.items() if name in known} | given
    for name in known.keys() ^ values.keys():
        raise TypeError(f"{kind.__name__} {'needs' if name in known else 'has no'} {name}")
    return kind(**values)


class Host(Outside):
    """A scripted host. Within ``with``, the calls of the SDK go to it.

    ``manifest`` is the path of the manifest. All other arguments are optional too:

    - ``answers``: by ``METHOD /route``, one answer, or a list that is used in order. The last one is repeated.
      An ``Err`` is a call that fails. A key may end with the name of a pod: ``GET /v1/health in vault-0``.
    - ``commands``: by the name in the manifest, one result of :func:`ran` or a list.
    - ``pods``: the names of the running pods of the target.
    - ``objects``: Kubernetes objects, with ``apiVersion``, ``kind`` and ``metadata.name``.
    - ``refused``: errors of accesses to objects, by verb and kind: ``{"list acme.example/v1/Vault": error}``.
    - ``events``: changes of objects while the engine watches, as pairs such as ``("modified", object)``.
    - ``stored``: objects in all object stores, by ``BUCKET/KEY``: bytes or text. The attribute of the same name
      has them after the engine's changes.
    - ``refused_stored``: errors of calls for objects, by ``BUCKET/KEY``, or ``BUCKET/`` for lists.
    - ``actions``: by ``SERVICE:ACTION``, the XML that an action of AWS returns, or a list.
    - ``now``: the time in milliseconds since the Unix epoch; ``offset``: the user's time zone, in minutes.
    - ``namespace``, ``statefulset``, ``pod``, ``context``: the target.
    """

    def __init__(
        self,
        manifest=None,
        *,
        answers=None,
        commands=None,
        pods=(),
        objects=(),
        refused=None,
        events=(),
        stored=None,
        refused_stored=None,
        actions=None,
        now=0,
        offset=0,
        namespace="default",
        statefulset=None,
        pod=None,
        context=None,
    ):
        self._manifest = None
        if manifest is not None:
            with open(manifest, "rb") as file:
                self._manifest = tomllib.load(file)
        self._answers = _queues(answers)
        self._commands = _queues(commands)
        self._pods = list(pods)
        self._refused = dict(refused or {})
        self._events = [(change, deepcopy(one)) for change, one in events]
        self._now, self._offset = now, offset
        self._target = (namespace, statefulset, pod, context)
        self._objects = {self._key_of(one): deepcopy(one) for one in objects}
        self._init_outside(stored, refused_stored, _queues(actions))
        self._patches = []
        self._tokens = 0
        #: The requests of the engine, as the host receives them.
        self.sent = []
        #: The commands that ran, as :class:`Command`.
        self.ran = []
        #: The changes of objects that the engine made, as :class:`Change`. A dry run is no change.
        self.changes = []
        #: The files that the engine saved, as :class:`File`.
        self.saved = []
        #: The files that the engine sent, as :class:`File`. Files of forms are among them.
        self.sent_files = []
        #: The forms that the engine sent: lists of pairs of a name with a text or a :class:`File`.
        self.sent_forms = []
        #: The messages of the engine, as pairs of the level's name and the text: ``("warn", "…")``.
        self.messages = []
        #: The progress that the engine reported: message, done and total.
        self.progress = []

    @property
    def warnings(self):
        """The warnings of the engine."""
        return [text for level, text in self.messages if level == "warn"]

    def __enter__(self):
        calls = {
            "http": ["send", "send_file", "send_form", "send_all", "pods"],
            "artifacts": ["save"],
            "storage": ["get", "head", "list", "put", "copy", "delete"],
            "aws": ["call"],
            "resources": ["get", "list", "create", "patch", "delete", "watch"],
            "exec": ["pods", "run"],
            "log": ["write"],
            "progress": ["report"],
            "clock": ["now", "offset"],
            "random": ["token"],
            "target": ["get"],
        }
        for name, functions in calls.items():
            module = interface(name)
            for function in functions:
                # Only the interfaces of the engine's world have modules.
                if function in vars(module):
                    mine = getattr(self, f"_{name}_{function}")
                    self._patches.append(patch.object(module, function, mine))
        for one in self._patches:
            one.start()
        return self

    def __exit__(self, *_):
        while self._patches:
            self._patches.pop().stop()

    # The interfaces `storage` and `aws`, in their own file.

    @staticmethod
    def _answer_of(body):
        return _Response(_Answer(200, [], body))

    @staticmethod
    def _next_of(queues, name):
        return _next(queues, name)

    # The interface `http`.

    def _http_send(self, request):
        route = f"{request.method.name} {request.route}"
        self._check_request(route, request)
        key = f"{route} in {request.pod}" if request.pod else route
        if key not in self._answers:
            key = route
        self.sent.append(request)
        return _Response(_next(self._answers, key))

    def _http_send_file(self, request, artifact):
        if request.body is not None:
            raise failure(ErrorKind.INVALID_ARGUMENT, "a request that sends a file has no body of its own")
        response = self._http_send(request)
        self.sent_files.append(File(artifact.name(), artifact.content))
        return response

    def _http_send_form(self, request, parts):
        if request.body is not None or any(name.lower() == "content-type" for name, _ in request.headers):
            message = "a request that sends a form has no body and no `content-type` of its own"
            raise failure(ErrorKind.INVALID_ARGUMENT, message)
        form, length = [], 0
        for part in parts:
            name, value = part.value
            refused = any(unicodedata.category(one) == "Cc" and one not in "\r\n" for one in name)
            if refused or not 1 <= len(name.encode()) <= _MAX_NAME:
                raise failure(ErrorKind.INVALID_ARGUMENT, f"a part can't have the name {name!r}")
            length += len(name.encode())
            if isinstance(part, _http.Part_File):
                value = File(value.name(), value.content)
            else:
                length += len(value.encode())
            form.append((name, value))
        if not 1 <= len(form) <= _MAX_PARTS or length > _MAX_FORM:
            message = f"a form of {len(form)} parts and {length} bytes"
            raise failure(ErrorKind.INVALID_ARGUMENT, message)
        response = self._http_send(request)
        self.sent_forms.append(form)
        self.sent_files += [value for _, value in form if isinstance(value, File)]
        return response

    def _http_send_all(self, requests, limit):
        if len(requests) > _MAX_BATCH:
            raise failure(ErrorKind.INVALID_ARGUMENT, f"{len(requests)} requests at once")
        results = []
        for request in requests:
            try:
                response = self._http_send(request)
                headers = [(name.lower(), value) for name, value in response.headers]
                results.append(Ok(_http.Answer(response.status(), headers, response.read(limit))))
            except Err as error:
                results.append(error)
        return results

    def _http_pods(self, endpoint):
        self._check_replicas(endpoint)
        return list(self._pods)

    def _check_request(self, route, request):
        # The real host percent-encodes values; these it refuses.
        for name, value in request.parameters:
            if value in ("", ".", "..") or "/" in value or "\\" in value:
                raise failure(ErrorKind.INVALID_ARGUMENT, f"the {name} can't be a segment of a path")
        given = sorted(name for name, _ in request.parameters)
        known = sorted(re.findall(r"{([^}]+)}", request.route))
        if given != known:
            raise failure(ErrorKind.INVALID_ARGUMENT, f"the parameters of {route} are {known}, not {given}")
        if self._manifest is None:
            return
        known = self._manifest.get("endpoints", {}).get(request.endpoint, {})
        if route not in known.get("allow", []):
            raise _denied(f"the manifest does not allow {route} on {request.endpoint}")
        if request.pod is not None:
            self._check_replicas(request.endpoint)
        allowed = _HEADERS | {name.lower() for name in known.get("headers", [])}
        for name, _ in request.headers:
            if name.lower() not in allowed:
                raise _denied(f"the manifest does not name the header {name} for {request.endpoint}")

    def _check_replicas(self, endpoint):
        if self._manifest is None:
            return
        if not self._manifest.get("endpoints", {}).get(endpoint, {}).get("replicas"):
            raise _denied(f"the manifest does not say `replicas` for {endpoint}")

    # The interface `artifacts`.

    def _artifacts_save(self, response, expectation):
        content = response.read(None)
        saved = File(expectation.name or "backup", content)
        if expectation.length is not None and expectation.length != len(content):
            message = f"the file has {len(content)} bytes, not {expectation.length}"
            raise failure(ErrorKind.INTEGRITY, message)
        if expectation.sha256 is not None and expectation.sha256.lower() != saved.sha256:
            raise failure(ErrorKind.INTEGRITY, f"the digest of the file is {saved.sha256}")
        self.saved.append(saved)
        return types.Saved(saved.name, len(content), saved.sha256)

    # The interface `resources`.

    def _resources_get(self, kind, name):
        self._check_objects("get", kind)
        return json.dumps(self._find(kind, name))

    def _resources_list(self, kind, selection):
        self._check_objects("list", kind)
        found = self._selected(kind, selection)
        return [json.dumps(one) for one in found[: selection.limit]]

    def _resources_create(self, kind, object, dry_run):
        self._check_objects("create", kind)
        sent = json.loads(object)
        made = deepcopy(sent)
        made["apiVersion"], _, made["kind"] = _name_of(kind).rpartition("/")
        metadata = made.setdefault("metadata", {})
        if "name" not in metadata:
            if "generateName" not in metadata:
                raise failure(ErrorKind.INVALID_ARGUMENT, "the object has neither name nor generateName")
            metadata["name"] = f"{metadata['generateName']}{len(self.changes) + 1:05}"
        if kind.namespace is not None:
            metadata["namespace"] = kind.namespace
        key = self._key_of(made)
        if key in self._objects:
            raise failure(ErrorKind.CONFLICT, f"there is a {_name_of(kind)} `{metadata['name']}` already")
        if not dry_run:
            self._objects[key] = made
            self.changes.append(Change("create", _name_of(kind), metadata["name"], sent))
        return json.dumps(made)

    def _resources_patch(self, kind, name, patch, status, dry_run):
        verb = "patch-status" if status else "patch"
        self._check_objects(verb, kind)
        sent = json.loads(patch)
        patched = _merged(self._find(kind, name), sent)
        if not dry_run:
            self._objects[self._key_of(patched)] = patched
            self.changes.append(Change(verb, _name_of(kind), name, sent))
        return json.dumps(patched)

    def _resources_delete(self, kind, name, dry_run):
        self._check_objects("delete", kind)
        found = self._find(kind, name)
        if not dry_run:
            del self._objects[self._key_of(found)]
            self.changes.append(Change("delete", _name_of(kind), name, None))

    def _resources_watch(self, kind, selection):
        self._check_objects("watch", kind)
        return _Watcher(self, kind, selection)

    def _check_objects(self, verb, kind):
        name = _name_of(kind)
        verbs, home = self._rule(name)
        if verbs is not None and verb not in verbs:
            raise _denied(f"the manifest does not allow `{verb}` of objects {name}")
        if verbs is not None and home != "any" and kind.namespace not in (None, home):
            raise _denied(f"the manifest does not allow objects {name} in {kind.namespace}")
        if f"{verb} {name}" in self._refused:
            raise self._refused[f"{verb} {name}"]

    def _rule(self, name):
        """Returns the verbs of the manifest's rule about a kind, and the word after its `in`."""
        if self._manifest is None:
            return None, None
        for rule in self._manifest.get("resources", {}).get("allow", []):
            of, _, words = rule.removesuffix(" if present").partition(":")
            if of == name:
                verbs, _, home = " ".join(words.split()).partition(" in ")
                return verbs.split(), home or self._target[0]
        return [], None

    def _namespace_of(self, name, given):
        """Returns where objects of a kind are; empty for the place in which they are by default."""
        _, home = self._rule(name)
        default = self._target[0] if home in (None, "any") else home
        return "" if given in (None, default) else given

    def _key_of(self, one):
        name = f"{one['apiVersion']}/{one['kind']}"
        metadata = one["metadata"]
        return name, self._namespace_of(name, metadata.get("namespace")), metadata["name"]

    def _find(self, kind, name):
        for one in self._of(kind):
            if one["metadata"]["name"] == name:
                return deepcopy(one)
        raise failure(ErrorKind.NOT_FOUND, f"there is no {_name_of(kind)} `{name}`")

    def _of(self, kind):
        """Returns the objects of a kind in one namespace, in the order of their names."""
        name = _name_of(kind)
        place = (name, self._namespace_of(name, kind.namespace))
        return [self._objects[key] for key in sorted(self._objects) if key[:2] == place]

    def _selected(self, kind, selection):
        return [one for one in self._of(kind) if _fits(selection, one)]

    def _event(self, kind, selection):
        """Lets the next event of the test happen to these objects."""
        name = _name_of(kind)
        place = (name, self._namespace_of(name, kind.namespace))
        for at, (change, one) in enumerate(self._events):
            if self._key_of(one)[:2] == place and _fits(selection, one):
                del self._events[at]
                if change == "deleted":
                    self._objects.pop(self._key_of(one), None)
                else:
                    self._objects[self._key_of(one)] = one
                return change, one
        return None

    # The interface `exec`.

    def _exec_pods(self):
        return list(self._pods)

    def _exec_run(self, name, pod, arguments):
        if self._manifest is not None and name not in self._manifest.get("exec", {}):
            raise _denied(f"the manifest names no command `{name}`")
        if pod is None:
            assert self._pods, f"the test names no pods for command `{name}`"
            pod = self._pods[0]
        if pod not in self._pods:
            raise _denied(f"`{pod}` is not a pod of the target")
        self.ran.append(Command(name, pod, dict(arguments)))
        result = _next(self._commands, name)
        return _exec.Output(result.exit_code, result.stdout, result.stderr)

    # The interfaces that need no entry in the manifest.

    def _log_write(self, level, message):
        self.messages.append((level.name.lower(), message))

    def _progress_report(self, message, done, total):
        self.progress.append((message, done, total))

    def _clock_now(self):
        return self._now

    def _clock_offset(self, at):
        return self._offset

    def _random_token(self, length):
        length = min(max(length, 1), _MAX_TOKEN)
        start, self._tokens = self._tokens, self._tokens + length
        return "".join(_CHARACTERS[7 * (at + 1) % len(_CHARACTERS)] for at in range(start, start + length))

    def _target_get(self):
        return _target.Target(*self._target)


@dataclass
class Command:
    """A command that ran."""

    name: str
    pod: str
    arguments: dict


@dataclass
class Change:
    """A change of an object: ``create``, ``patch``, ``patch-status`` or ``delete``."""

    verb: str
    #: The kind, as ``GROUP/VERSION/KIND``.
    kind: str
    name: str
    #: The object or the patch as the engine sent it; ``None`` for ``delete``.
    sent: Any


@dataclass
class File:
    """A file, with its bytes."""

    name: str
    content: bytes

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()


@dataclass
class _Answer:
    status: int
    headers: list
    body: bytes


@dataclass
class _Ran:
    exit_code: int
    stdout: bytes
    stderr: bytes


class _Response:
    """An answer from the engine's point of view."""

    def __init__(self, answer):
        self._status, self.headers, self._body = answer.status, answer.headers, answer.body

    def status(self):
        return self._status

    def header(self, name):
        return [value for given, value in self.headers if given.lower() == name.lower()]

    def read(self, limit):
        body, self._body = self._body, b""
        if limit is not None and len(body) > limit:
            raise failure(ErrorKind.PROTOCOL, f"the answer is longer than {limit} bytes")
        return body

    def next(self, limit):
        length = max(limit, 1)
        piece, self._body = self._body[:length], self._body[length:]
        return piece or None


class _Artifact:
    def __init__(self, name, content):
        self._name, self.content = name, content

    def name(self):
        return self._name

    def length(self):
        return len(self.content)

    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()


class _Watcher:
    """A watch: the existing objects, and then the events of the test."""

    def __init__(self, host, kind, selection):
        self._host, self._kind, self._selection = host, kind, selection
        self._first = host._selected(kind, selection)

    def next(self):
        if self._first:
            change, one = "added", self._first.pop(0)
        else:
            happened = self._host._event(self._kind, self._selection)
            if happened is None:
                return None
            change, one = happened
        return _resources.Event(_resources.Change[change.upper()], json.dumps(one))


def _queues(scripted):
    return {
        name: list(given) if isinstance(given, (list, tuple)) else [given]
        for name, given in (scripted or {}).items()
    }


def _next(queues, name):
    """Returns the next result of a call. The last one is repeated."""
    if not queues.get(name):
        raise AssertionError(f"the test has no answer for {name}")
    queue = queues[name]
    given = queue.pop(0) if len(queue) > 1 else queue[0]
    if isinstance(given, Err):
        raise given
    return given


def _denied(message):
    return failure(ErrorKind.DENIED, message)


def _setting(name, value):
    if isinstance(value, bool):
        value = types.OptionValue_Boolean(value)
    elif isinstance(value, int):
        value = types.OptionValue_Integer(value)
    else:
        value = types.OptionValue_Text(value)
    return types.OptionSetting(name, value)


def _name_of(kind):
    """Returns a kind as ``GROUP/VERSION/KIND``."""
    return "/".join(part for part in (kind.group, kind.version, kind.kind) if part)


def _fits(selection, one):
    labels = one["metadata"].get("labels", {})
    for name, value in _pairs(selection.label_selector):
        if labels.get(name) != value:
            return False
    for path, value in _pairs(selection.field_selector):
        found = one
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found != value:
            return False
    return True


def _pairs(selector):
    for term in filter(None, (selector or "").split(",")):
        name, equals, value = term.partition("=")
        assert equals and not name.endswith("!"), f"the mock host knows `a=b` only, not `{term}`"
        yield name, value.removeprefix("=")


def _merged(value, patch):
    """Applies a JSON merge patch (RFC 7386)."""
    if not isinstance(patch, dict):
        return patch
    value = dict(value) if isinstance(value, dict) else {}
    for name, part in patch.items():
        if part is None:
            value.pop(name, None)
        else:
            value[name] = _merged(value.get(name), part)
    return value
