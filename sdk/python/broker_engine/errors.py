"""Errors of engines."""

from componentize_py_types import Err
from wit_world.imports import types
from wit_world.imports.types import ErrorKind

#: Kinds of errors for unsuccessful HTTP statuses.
_KINDS = {
    400: ErrorKind.INVALID_ARGUMENT,
    401: ErrorKind.UNAUTHENTICATED,
    403: ErrorKind.FORBIDDEN,
    404: ErrorKind.NOT_FOUND,
    408: ErrorKind.TIMED_OUT,
    409: ErrorKind.CONFLICT,
    410: ErrorKind.NOT_FOUND,
    422: ErrorKind.INVALID_ARGUMENT,
    423: ErrorKind.CONFLICT,
    429: ErrorKind.UNAVAILABLE,
    501: ErrorKind.UNSUPPORTED,
    502: ErrorKind.UNAVAILABLE,
    503: ErrorKind.UNAVAILABLE,
    504: ErrorKind.TIMED_OUT,
}
#: Statuses after which the same request may succeed.
_RETRYABLE = (408, 429, 502, 503, 504)


def failure(kind, message, hint=None, retryable=False, cause=None):
    """Returns an error to raise: ``raise failure(ErrorKind.NOT_FOUND, "there is no backup `x`")``.

    ``cause`` is an error of the host that led to this one. The host shows it behind the message, and keeps
    its exit code."""
    return Err(types.Error(kind, message, hint, retryable, None if cause is None else cause.value.cause))


def passing(error, message=None, hint=None):
    """Returns an error of the host with another message or another hint, to raise in its place::

        try:
            listed = http.get("api", "/v1/backups").send()
        except Err as error:
            raise passing(error, hint="Start the backup service with `vault serve`")

    The host shows the original behind another message, and keeps its exit code."""
    given = error.value
    return Err(
        types.Error(
            given.kind,
            given.message if message is None else message,
            given.hint if hint is None else hint,
            given.retryable,
            given.cause,
        )
    )


def unexpected(message, hint=None):
    """Returns an error to raise about an answer that violates the backend's contract."""
    return failure(ErrorKind.PROTOCOL, message, hint)


def of_status(status, message):
    """Returns the error to raise for an unsuccessful HTTP status."""
    return failure(_KINDS.get(status, ErrorKind.FAILED), message, retryable=status in _RETRYABLE)
