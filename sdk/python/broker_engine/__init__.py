"""The SDK for backup engines of kubectl-broker in Python.

An engine is a class ``Operations`` in the module that componentize-py compiles. The class has one method per
operation of the manifest::

    from broker_engine import Detection, Engine, http

    class Operations(Engine):
        def detect(self):
            http.get("api", "/v1/health").send().expect_ok()
            return Detection("Vault", None, None)

componentize-py generates the package ``wit_world`` from the interface, and this package gives names to it.
For tests and editors, generate it with ``componentize-py -d wit bindings bindings``.

The world in the folder ``wit`` names the interfaces that an engine can use. A module of this package whose
interface the world does not import says so when it is used.
"""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.operations import (
    ActRequest,
    CreateRequest,
    DeleteRequest,
    Detection,
    DownloadRequest,
    FinishRequest,
    HealthReport,
    HealthRequest,
    ListRequest,
    Page,
    Preparation,
    PrepareRequest,
    Restoration,
    RestoreRequest,
    RestoreSource_File,
    RestoreSource_Id,
    StatusRequest,
    VerifyRequest,
)
from wit_world.imports.types import (
    Activity,
    Amount,
    Backup,
    Check,
    Error,
    ErrorKind,
    Field,
    Outcome,
    Saved,
    State,
)

from . import (
    aws,
    clock,
    exec,
    http,
    log,
    progress,
    random,
    report,
    resources,
    storage,
    target,
)
from .errors import failure, passing, unexpected
from .results import (
    amount,
    backup,
    check,
    fields,
    health_report,
    page,
    preparation,
    restoration,
)
from .settings import Settings

__all__ = [
    "ActRequest",
    "Activity",
    "Amount",
    "Backup",
    "Check",
    "CreateRequest",
    "DeleteRequest",
    "Detection",
    "DownloadRequest",
    "Engine",
    "Err",
    "Error",
    "ErrorKind",
    "Field",
    "FinishRequest",
    "HealthReport",
    "HealthRequest",
    "ListRequest",
    "Outcome",
    "Page",
    "Preparation",
    "PrepareRequest",
    "Restoration",
    "RestoreRequest",
    "RestoreSource_File",
    "RestoreSource_Id",
    "Saved",
    "Settings",
    "State",
    "StatusRequest",
    "VerifyRequest",
    "amount",
    "aws",
    "backup",
    "check",
    "clock",
    "exec",
    "failure",
    "fields",
    "health_report",
    "http",
    "log",
    "page",
    "passing",
    "preparation",
    "progress",
    "random",
    "report",
    "resources",
    "restoration",
    "storage",
    "target",
    "unexpected",
]


class Engine(exports.Operations):
    """The base class of engines. An engine must define each operation that its manifest names; the host never
    calls the others."""

    def detect(self):
        """Returns a ``Detection``."""
        raise self._lacking("detect")

    def health(self, request):
        """Returns a list of :func:`health_report`. A replica that does not answer is a failed check."""
        raise self._lacking("health")

    def list(self, request):
        """Returns a :func:`page`."""
        raise self._lacking("list")

    def status(self, request):
        """Returns a :func:`backup`."""
        raise self._lacking("status")

    def prepare(self, request):
        """Returns a :func:`preparation`."""
        raise self._lacking("prepare")

    def create(self, request):
        """Returns a :func:`backup`."""
        raise self._lacking("create")

    def finish(self, request):
        """Returns details by name: :func:`fields`."""
        raise self._lacking("finish")

    def download(self, request):
        """Returns a list of the results of ``Response.save``: one, or several if the manifest says ``many-files``."""
        raise self._lacking("download")

    def restore(self, request):
        """Returns a :func:`restoration`."""
        raise self._lacking("restore")

    def delete(self, request):
        """Returns a list of warnings for the user."""
        raise self._lacking("delete")

    def verify(self, request):
        """Returns a list of :func:`check`."""
        raise self._lacking("verify")

    def act(self, request):
        """Returns one of :mod:`broker_engine.report`."""
        raise self._lacking("act")

    @staticmethod
    def _lacking(operation):
        return failure(ErrorKind.UNSUPPORTED, f"this engine can't `{operation}`")
