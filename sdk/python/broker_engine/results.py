"""The results of operations."""

from wit_world.exports.operations import (
    HealthReport,
    Page,
    Preparation,
    Restoration,
)
from wit_world.imports.types import Activity, Amount, Backup, Check, Field


def backup(
    id,
    state,
    *,
    activity=Activity.BACKUP,
    reported_state=None,
    size=None,
    created=None,
    failure=None,
    progress=None,
    warnings=(),
    **values,
):
    """Returns one backup.

    ``size`` is in bytes, and ``created`` is RFC 3339 text. ``progress`` says how far a running backup is: see
    :func:`amount`. ``warnings`` are problems that did not prevent the backup, one sentence each. All other
    arguments are values for the columns of the manifest: see :func:`fields`.
    """
    return Backup(
        id,
        activity,
        state,
        reported_state,
        size,
        created,
        failure,
        progress,
        list(warnings),
        fields(**values),
    )


def amount(done, total=None, step=None):
    """Returns the progress of a backup, in bytes or in the backend's own unit."""
    return Amount(done, total, step)


def fields(values=None, **named):
    """Returns names with their values, as ``finish`` does: ``fields({"Free space": "3 GiB"}, region="eu")``.

    An underscore in the name of an argument stands for a dash, and values of ``None`` are left out.
    """
    pairs = list((values or {}).items())
    pairs += [(name.replace("_", "-"), value) for name, value in named.items()]
    return [Field(name, str(value)) for name, value in pairs if value is not None]


def page(backups, next=None):
    """Returns a page of ``list``. ``next`` is the cursor of the next page."""
    return Page(list(backups), next)


def preparation(notes=(), token=None):
    """Returns the result of ``prepare``: notes for the user, and bytes that ``create`` gets as ``prepared``."""
    return Preparation(list(notes), token)


def check(name, outcome, message=None):
    """Returns one check of ``health`` or ``verify``, or one thing that a verb worked on. ``outcome`` is an
    ``Outcome``."""
    return Check(name, outcome, message)


def health_report(checks, pod=None):
    """Returns the checks of one pod, or of the backend as a whole."""
    return HealthReport(pod, list(checks))


def restoration(backup, details=None):
    """Returns the result of ``restore``. ``details`` are shown by name."""
    return Restoration(backup, fields(details))
