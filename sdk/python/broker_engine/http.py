"""HTTP requests to the endpoints of the manifest. The host opens the connection and adds the credentials."""

import json

from componentize_py_types import Err, Ok

from ._world import interface
from .errors import of_status, unexpected

_http = interface("http")
_artifacts = interface("artifacts")

#: Maximum length of the body of an answer, in bytes. The host itself allows 64 MiB, but parsed JSON needs much
#: more memory than its text.
MAX_BODY = 16 << 20
#: Maximum length of the body of an error, in bytes.
MAX_ERROR_BODY = 1 << 20
#: Maximum length of the part of a body that an error shows, in characters.
MAX_TEXT = 400

_OTHER_PROGRAM = "Another program may be listening on that port; check which port the backend serves"


def get(endpoint, route):
    """Returns a GET request on a route: ``get("api", "/v1/backups/{id}").parameter("id", id).send()``."""
    return Request(endpoint, _http.Method.GET, route)


def head(endpoint, route):
    return Request(endpoint, _http.Method.HEAD, route)


def post(endpoint, route):
    return Request(endpoint, _http.Method.POST, route)


def put(endpoint, route):
    return Request(endpoint, _http.Method.PUT, route)


def patch(endpoint, route):
    return Request(endpoint, _http.Method.PATCH, route)


def delete(endpoint, route):
    return Request(endpoint, _http.Method.DELETE, route)


def pods(endpoint):
    """Returns the names of the running pods behind an endpoint whose manifest says ``replicas``."""
    return _http.pods(endpoint)


def send_all(requests, limit=MAX_BODY):
    """Sends up to 1000 requests, several at the same time.

    Returns their answers in the order of the requests. In the place of a request that failed stands its
    ``Err``, which is not raised::

        for pod, answer in zip(pods, http.send_all(requests)):
            if isinstance(answer, Err):
                ...
    """
    requests = list(requests)
    results = _http.send_all([request._raw for request in requests], limit)
    return [
        Answer(request._told(), result.value) if isinstance(result, Ok) else result
        for request, result in zip(requests, results)
    ]


class Request:
    """A request under construction. Nothing is sent before :meth:`send`."""

    def __init__(self, endpoint, method, route):
        self._raw = _http.Request(endpoint, method, route, [], [], [], None, None, None)

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

    def body(self, content):
        """Sets the body, in bytes."""
        self._raw.body = content
        return self

    def json(self, value):
        """Sets a JSON body."""
        return self.body(json.dumps(value).encode()).header("content-type", "application/json")

    def patience(self, seconds):
        """Sets the seconds until the answer must begin, for a backend that answers when its work is complete."""
        self._raw.patience = seconds
        return self

    def in_pod(self, pod):
        """Sends the request to a pod, one of :func:`pods`."""
        self._raw.pod = pod
        return self

    def send(self):
        """Sends the request. An HTTP error status is a response, not an error.

        Raises ``Err`` if no answer arrived."""
        return Response(self._told(), _http.send(self._raw))

    def send_file(self, artifact):
        """Sends the request with the bytes of a user's file as its body. The bytes don't pass through the
        engine.

        Raises ``Err`` if no answer arrived, or if the file has changed since the host verified it."""
        return Response(self._told(), _http.send_file(self._raw, artifact))

    def send_form(self, parts):
        """Sends the request with a form as its body: ``multipart/form-data``, in the order of the parts. The
        bytes of its files don't pass through the engine::

            request.send_form([("mode", "full"), ("upload", artifact)])

        A part is a name with a text or a user's file. The request must have neither a body nor the header
        ``content-type``, which the host sets.

        Raises ``Err`` if the form exceeds a limit, if no answer arrived, or if a file has changed since the host
        verified it."""
        parts = [
            _http.Part_Text((name, value)) if isinstance(value, str) else _http.Part_File((name, value))
            for name, value in parts
        ]
        return Response(self._told(), _http.send_form(self._raw, parts))

    def _told(self):
        """Returns the request as messages show it."""
        path = self._raw.route
        for name, value in self._raw.parameters:
            path = path.replace("{" + name + "}", _shorten(value))
        return f"{self._raw.method.name} {path}"


class _Read:
    """The parts that a response and an answer have in common."""

    def json(self, limit=MAX_BODY):
        """Reads the body as JSON.

        Raises ``Err`` if the body is not JSON; it is then usually the page of a proxy."""
        body = self.bytes(limit)
        try:
            return json.loads(body)
        except ValueError:
            raise self._not("JSON", body) from None

    def text(self, limit=MAX_BODY):
        """Reads the body as text. An HTML page is rejected: it comes from another program, or from a proxy."""
        body = self.bytes(limit)
        if not _is_html(body):
            try:
                return body.decode()
            except UnicodeDecodeError:
                pass
        raise self._not("text", body) from None

    def expect_ok(self):
        """Returns the response if its status is 2xx.

        Raises ``Err`` for every other status, with the text of the body."""
        if 200 <= self.status < 300:
            return self
        try:
            shown = _summary(self.bytes(MAX_ERROR_BODY))
        except Err:
            # An unreadable body must not hide the status.
            shown = ""
        says = f": {shown}" if shown else ""
        raise of_status(self.status, f"{self._what} answered {self.status}{says}")

    def _not(self, form, body):
        shown = _summary(body)
        message = f"{self._what} answered something that is not {form}: {shown or 'an empty body'}"
        return unexpected(message, _OTHER_PROGRAM)


class Response(_Read):
    """An answer whose body has not been read. It can be read only once."""

    def __init__(self, what, raw):
        self._what = what
        self._raw = raw
        #: The HTTP status code.
        self.status = raw.status()

    def header(self, name):
        """Returns the first value of a header, or ``None``."""
        return next(iter(self._raw.header(name)), None)

    def bytes(self, limit=MAX_BODY):
        """Reads the whole body.

        Raises ``Err`` if it has more than ``limit`` bytes, or ends early."""
        return self._raw.read(limit)

    def pieces(self, limit=1 << 20):
        """Reads the body in pieces of at most ``limit`` bytes, each as soon as it has arrived. A long body then
        needs little memory. Each piece is one of the 10,000 calls that an operation may make.

        Raises ``Err`` if the body ends early."""
        while (piece := self._raw.next(limit)) is not None:
            yield piece

    def save(self, name=None, length=None, sha256=None):
        """Writes the body to the file that the user asked for, if every expectation is met. The bytes don't
        pass through the engine. Returns a ``Saved``. If the manifest says ``many-files``, several answers may be
        saved, each under its own name.

        ``name`` is a proposal of the backend. ``length`` is in bytes, and ``sha256`` is hexadecimal."""
        return _artifacts.save(self._raw, _artifacts.Expectation(name, length, sha256))


class Answer(_Read):
    """An answer of :func:`send_all`, with its whole body."""

    def __init__(self, what, raw):
        self._what = what
        self._raw = raw
        #: The HTTP status code.
        self.status = raw.status

    def header(self, name):
        """Returns the first value of a header, or ``None``."""
        values = (value for given, value in self._raw.headers if given == name.lower())
        return next(values, None)

    def bytes(self, limit=MAX_BODY):
        """Returns the body. The limit is that of :func:`send_all`."""
        return self._raw.body


def _summary(body):
    """Returns the text of a body in an unknown format, in one line."""
    text = " ".join(body.decode(errors="replace").split())
    if not _is_html(body):
        return _shorten(text)
    _, _, rest = text.partition("<title>")
    title, end, _ = rest.partition("</title>")
    return f"an HTML page titled {_shorten(title.strip())!r}" if end else "an HTML page"


def _is_html(body):
    start = body.lstrip()[:15].lower()
    return start.startswith((b"<!doctype html", b"<html"))


def _shorten(text):
    return text if len(text) <= MAX_TEXT else text[:MAX_TEXT] + "…"
