"""A backend for tests: it answers from a script, and an unscripted request fails the test.

::

    with mock.backend({"GET /v1/backups": mock.answer(200, {"backups": []})}) as backend:
        assert Operations().list(request) == []
    assert backend.sent[0].route == "/v1/backups"
"""

import json
from contextlib import contextmanager
from unittest.mock import patch

from componentize_py_types import Err
from wit_world.imports import types
from wit_world.imports.types import ErrorKind


class _Response:
    def __init__(self, status, headers, body):
        self._status, self._headers, self._body = status, headers, body

    def status(self):
        return self._status

    def header(self, name):
        return [value for given, value in self._headers if given.lower() == name.lower()]

    def read(self, limit):
        body, self._body = self._body, b""
        if len(body) > limit:
            raise Err(types.Error(ErrorKind.PROTOCOL, f"the body has over {limit} bytes", None, False))
        return body


class _Backend:
    def __init__(self, answers):
        self._answers = {
            route: list(given) if isinstance(given, (list, tuple)) else [given]
            for route, given in answers.items()
        }
        #: The requests that were made, as the host gets them.
        self.sent = []

    def send(self, request):
        route = f"{request.method.name} {request.route}"
        if route not in self._answers:
            raise AssertionError(f"the test has no answer for {route}")
        self.sent.append(request)
        answers = self._answers[route]
        # The last is used again and again.
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(given, Err):
            raise given
        return given()


def answer(status, body=b"", headers=()):
    """What the backend answers; ``body`` is bytes, text, or a value that becomes JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return lambda: _Response(status, list(headers), body)


def unavailable(message):
    """An answer that never came."""
    return Err(types.Error(ErrorKind.UNAVAILABLE, message, None, True))


@contextmanager
def backend(answers):
    """Answers by ``METHOD /route``: one, or several that are used in their order."""
    scripted = _Backend(answers)
    with patch("wit_world.imports.http.send", scripted.send):
        yield scripted
