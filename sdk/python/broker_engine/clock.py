"""The host's clock. ``plugin test`` sets it with ``now``."""

from datetime import datetime, timedelta, timezone

from ._world import interface

_raw = interface("clock")


def now():
    """Returns the current time in milliseconds since the Unix epoch."""
    return _raw.now()


def offset(at=None):
    """Returns the offset of the user's time zone from UTC in minutes; east of Greenwich is positive.

    ``at`` is in milliseconds since the Unix epoch, and by default the current time."""
    return _raw.offset(now() if at is None else at)


def local(at=None):
    """Returns a time as a ``datetime`` in the user's time zone, by default the current time."""
    at = now() if at is None else at
    zone = timezone(timedelta(minutes=offset(at)))
    return datetime.fromtimestamp(at / 1000, zone)


def stamp():
    """Returns the current time in UTC in the form used in names of objects: ``20250906-120000``."""
    return datetime.fromtimestamp(now() // 1000, timezone.utc).strftime("%Y%m%d-%H%M%S")
