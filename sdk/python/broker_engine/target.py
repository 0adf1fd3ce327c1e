"""The target of the command."""

from ._world import interface

_raw = interface("target")


def get():
    """Returns the target, with ``namespace``, ``statefulset``, ``pod`` and ``context``. Each but the namespace
    may be ``None``."""
    return _raw.get()
