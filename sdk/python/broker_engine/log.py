"""Messages for the user, on stderr."""

from ._world import interface

_raw = interface("log")


def debug(message):
    """Writes a message that is shown when the user asks for details."""
    _raw.write(_raw.Level.DEBUG, message)


def info(message):
    """Writes a message once per text: for example the state that the engine waits for."""
    _raw.write(_raw.Level.INFO, message)


def warn(message):
    """Writes a warning. It is always shown."""
    _raw.write(_raw.Level.WARN, message)
