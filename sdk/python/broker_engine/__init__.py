"""The SDK for backup engines of kubectl-broker in Python.

An engine is a class ``Operations`` in the module that componentize-py compiles. The class has one method per
operation of the manifest::

    from broker_engine import Detection, Engine, http

    class Operations(Engine):
        def detect(self):
            http.get("api", "/v1/health").send().expect_ok()
            return Detection("Vault", None, None)

What this package gives names to, componentize-py generates from the interface (``wit_world``): generate it
for tests and editors with ``componentize-py -d wit bindings bindings``. Which interfaces an engine can use
stands in the world of its folder ``wit``; each must be asked for by its manifest, too.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.operations import Detection
from wit_world.imports import types
from wit_world.imports.types import Activity, Backup, Error, ErrorKind, Field, State

from . import http
from .settings import Settings

__all__ = [
    "Activity",
    "Backup",
    "Detection",
    "Engine",
    "Err",
    "Error",
    "ErrorKind",
    "Field",
    "Settings",
    "State",
    "backup",
    "failure",
    "http",
]


def failure(kind, message, hint=None, retryable=False):
    """Returns an error to raise: ``raise failure(ErrorKind.NOT_FOUND, "there is no backup `x`")``."""
    return Err(types.Error(kind, message, hint, retryable))


def backup(
    id,
    state,
    *,
    activity=Activity.BACKUP,
    reported_state=None,
    size=None,
    created=None,
    failure=None,
    **fields,
):
    """Returns one backup.

    ``size`` is in bytes, and ``created`` is RFC 3339 text. ``fields`` are values for the columns of the
    manifest: an underscore in a name stands for a dash, and values of ``None`` are left out.
    """
    named = [
        Field(name.replace("_", "-"), str(value)) for name, value in fields.items() if value is not None
    ]
    return Backup(id, activity, state, reported_state, size, created, failure, named)


class Engine(exports.Operations):
    """The base class of engines. An engine must define each operation that its manifest names; the host never
    calls the others."""

    def detect(self):
        raise self._lacking("detect")

    def list(self, request):
        raise self._lacking("list")

    def status(self, request):
        raise self._lacking("status")

    def prepare(self, request):
        raise self._lacking("prepare")

    def create(self, request):
        raise self._lacking("create")

    def finish(self, request):
        raise self._lacking("finish")

    def download(self, request):
        raise self._lacking("download")

    def restore(self, request):
        raise self._lacking("restore")

    def delete(self, request):
        raise self._lacking("delete")

    def verify(self, request):
        raise self._lacking("verify")

    def act(self, request):
        raise self._lacking("act")

    @staticmethod
    def _lacking(operation):
        return failure(ErrorKind.UNSUPPORTED, f"this engine can't `{operation}`")
