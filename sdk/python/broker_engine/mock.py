"""A backend for tests: it answers from a script, and a request without a scripted answer fails the test.

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
        #: The requests of the engine, as the host receives them.
        self.sent = []

    def send(self, request):
        route = f"{request.method.name} {request.route}"
        if route not in self._answers:
            raise AssertionError(f"the test has no answer for {route}")
        self.sent.append(request)
        answers = self._answers[route]
        # The last answer is repeated.
        given = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(given, Err):
            raise given
        return given()


def answer(status, body=b"", headers=()):
    """Returns an answer of the backend; ``body`` is bytes, text, or a value that is sent as JSON."""
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return lambda: _Response(status, list(headers), body)


def unavailable(message):
    """Returns a failed call: the backend does not respond."""
    return Err(types.Error(ErrorKind.UNAVAILABLE, message, None, True))


@contextmanager
def backend(answers):
    """Uses these answers, by ``METHOD /route``: one answer, or a list that is used in order."""
    scripted = _Backend(answers)
    with patch("wit_world.imports.http.send", scripted.send):
        yield scripted
