"""Commands in the pods of the target, as the manifest declares them."""

from wit_world.imports.types import ErrorKind

from ._world import interface
from .errors import failure, unexpected

_raw = interface("exec")

#: Maximum length of the text of an error, in characters.
MAX_TEXT = 400


def pods():
    """Returns the names of the running pods of the target, the ready ones first."""
    return _raw.pods()


def command(name):
    """Returns the command that the manifest calls ``name``: ``command("free").argument("path", "/data").run()``.

    By default it runs in the first of :func:`pods`."""
    return Command(name)


class Command:
    """A command under construction. It does nothing before :meth:`run`."""

    def __init__(self, name):
        self._name = name
        self._pod = None
        self._arguments = []

    def in_pod(self, pod):
        """Chooses the pod, one of :func:`pods`."""
        self._pod = pod
        return self

    def argument(self, name, value):
        """Sets the value of a placeholder."""
        self._arguments.append((name, str(value)))
        return self

    def run(self):
        """Runs the command and waits for its end. A non-zero exit code is a result, not an error.

        Raises ``Err`` if the host denies the command, or could not run it."""
        return Output(_raw.run(self._name, self._pod, self._arguments))


class Output:
    """The result of a command that ran to its end."""

    def __init__(self, raw):
        self.exit_code = raw.exit_code
        #: Standard output and standard error, in bytes.
        self.stdout, self.stderr = raw.stdout, raw.stderr

    @property
    def is_success(self):
        return self.exit_code == 0

    def text(self):
        """Returns standard output as text, without leading and trailing white space.

        Raises ``Err`` if it is not UTF-8."""
        try:
            return self.stdout.decode().strip()
        except UnicodeDecodeError:
            raise unexpected("the command wrote something that is not text") from None

    def complaint(self):
        """Returns the reason of a failure: standard error in one line, or the exit code if that is empty."""
        line = " ".join(self.stderr.decode(errors="replace").split())
        if not line:
            return f"it ended with exit code {self.exit_code}"
        return line if len(line) <= MAX_TEXT else line[:MAX_TEXT] + "…"

    def expect_success(self, what):
        """Returns the output if the exit code is 0.

        Raises ``Err`` otherwise: it says that ``what`` failed, and why."""
        if self.is_success:
            return self
        raise failure(ErrorKind.FAILED, f"{what}: {self.complaint()}")
