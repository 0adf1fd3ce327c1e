"""The progress of a long operation."""

from ._world import interface

_raw = interface("progress")


def report(message, done, total=None):
    """Reports ``done`` of ``total``, in bytes or in the engine's own unit. The host decides how to show it."""
    _raw.report(message, done, total)
