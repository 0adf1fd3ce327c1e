"""HTTP requests to the endpoints of the manifest. The host opens the connection and adds the credentials."""

import json

from componentize_py_types import Err
from wit_world.imports import http, types
from wit_world.imports.types import ErrorKind

#: Maximum length of the body of an answer, in bytes.
MAX_BODY = 16 << 20
#: Maximum length of the part of a body that an error shows, in characters.
MAX_TEXT = 200


def get(endpoint, route):
    """Returns a GET request on a route: ``get("api", "/v1/backups/{id}").parameter("id", id).send()``."""
    return Request(endpoint, http.Method.GET, route)


def post(endpoint, route):
    return Request(endpoint, http.Method.POST, route)


def put(endpoint, route):
    return Request(endpoint, http.Method.PUT, route)


def patch(endpoint, route):
    return Request(endpoint, http.Method.PATCH, route)


def delete(endpoint, route):
    return Request(endpoint, http.Method.DELETE, route)


def unexpected(what):
    """Returns an error to raise about an answer that violates the backend's contract."""
    return Err(types.Error(ErrorKind.PROTOCOL, what, None, False))


class Request:
    """A request under construction. Nothing is sent before :meth:`send`."""

    def __init__(self, endpoint, method, route):
        self._raw = http.Request(endpoint, method, route, [], [], [], None, None)

    def parameter(self, name, value):
        """Sets the value of a parameter in the route. The host encodes it."""
        self._raw.parameters.append((name, str(value)))
        return self

    def query(self, name, value):
        self._raw.query.append((name, str(value)))
        return self

    def header(self, name, value):
        self._raw.headers.append((name, str(value)))
        return self

    def json(self, value):
        """Sets a JSON body."""
        self._raw.body = json.dumps(value).encode()
        return self.header("content-type", "application/json")

    def patience(self, seconds):
        """Sets the seconds until the answer must begin, for a backend that answers when its work is complete."""
        self._raw.patience = seconds
        return self

    def send(self):
        """Sends the request. An HTTP error status is a response, not an error.

        Raises ``Err`` if no answer arrived."""
        path = self._raw.route
        for name, value in self._raw.parameters:
            for placeholder in ("{" + name + "}", "{+" + name + "}"):
                path = path.replace(placeholder, value[:MAX_TEXT])
        what = f"{self._raw.method.name} {path}"
        return Response(what, http.send(self._raw))


class Response:
    """An answer. Its body can be read only once."""

    def __init__(self, what, raw):
        self._what = what
        self._raw = raw
        self.status = raw.status()

    def header(self, name):
        """Returns the first value of a header, or ``None``."""
        return next(iter(self._raw.header(name)), None)

    def bytes(self, limit=MAX_BODY):
        return self._raw.read(limit)

    def json(self):
        """Reads the body as JSON.

        Raises ``Err`` if the body is not JSON; it is then usually the page of a proxy."""
        body = self.bytes()
        try:
            return json.loads(body)
        except ValueError:
            shown = " ".join(body.decode(errors="replace").split())[:MAX_TEXT]
            raise self._wrong(ErrorKind.PROTOCOL, f"answered with no JSON: {shown}") from None

    def expect_ok(self):
        """Returns the response if its status is 2xx.

        Raises ``Err`` for every other status, with the text of the body."""
        if 200 <= self.status < 300:
            return self
        shown = " ".join(self.bytes().decode(errors="replace").split())[:MAX_TEXT]
        says = f": {shown}" if shown else ""
        raise self._wrong(_kind(self.status), f"answered {self.status}{says}")

    def _wrong(self, kind, what):
        retryable = self.status in (429, 502, 503, 504)
        return Err(types.Error(kind, f"{self._what} {what}", None, retryable))


def _kind(status):
    known = {
        400: ErrorKind.INVALID_ARGUMENT,
        401: ErrorKind.UNAUTHENTICATED,
        403: ErrorKind.FORBIDDEN,
        404: ErrorKind.NOT_FOUND,
        409: ErrorKind.CONFLICT,
        429: ErrorKind.UNAVAILABLE,
        502: ErrorKind.UNAVAILABLE,
        503: ErrorKind.UNAVAILABLE,
        504: ErrorKind.TIMED_OUT,
    }
    return known.get(status, ErrorKind.FAILED)
