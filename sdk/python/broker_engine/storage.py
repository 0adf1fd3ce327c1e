"""Object stores outside the cluster that the manifest names in ``[storage.NAME]``."""

from wit_world.imports.types import ErrorKind

from ._world import interface
from .errors import failure
from .http import Response

_raw = interface("storage")


def __getattr__(name):
    # These types exist only if the engine's world imports the interface.
    if name in ("Location", "Object", "Page", "Duplicate"):
        return getattr(_raw, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Store:
    """A store of the manifest: ``Store("vaults").get("acme-vaults", "a.json").json()``."""

    def __init__(self, name):
        self._name = name

    def get(self, bucket, key):
        """Opens an object, to read it or to save it as a file. Returns a ``Response`` of the module ``http``."""
        return Response(f"s3://{bucket}/{key}", _raw.get(self._name, _raw.Location(bucket, key)))

    def head(self, bucket, key):
        """Returns an ``Object``: ``key``, ``size``, ``modified``, ``etag`` and ``sha256``."""
        return _raw.head(self._name, _raw.Location(bucket, key))

    def page(self, bucket, prefix="", folders=False, cursor=None, limit=None):
        """Returns one ``Page``: ``objects``, ``folders`` and the cursor of the ``next`` page.

        With ``folders``, keys end at the next slash after the prefix."""
        selection = _raw.Selection(bucket, prefix, folders, cursor, limit)
        return _raw.list(self._name, selection)

    def objects(self, bucket, prefix=""):
        """Yields all objects whose keys begin with ``prefix``."""
        cursor, seen = None, set()
        while True:
            page = self.page(bucket, prefix, cursor=cursor)
            yield from page.objects
            cursor = page.next
            if cursor is None:
                return
            if cursor in seen:
                raise failure(ErrorKind.PROTOCOL, f"the list of bucket {bucket} does not end")
            seen.add(cursor)

    def put(self, bucket, key, body, content_type=None, absent=False, unchanged=None):
        """Writes an object of at most 1 MiB, and returns an ``Object``.

        With ``absent``, there must be no object of that key. With ``unchanged``, the object must have that
        ``etag``. Raises an ``Err`` of kind ``CONFLICT`` otherwise."""
        if absent and unchanged is not None:
            raise ValueError("`absent` and `unchanged` exclude each other")
        condition = _raw.Condition_None_()
        if absent:
            condition = _raw.Condition_Absent()
        elif unchanged is not None:
            condition = _raw.Condition_Unchanged(unchanged)
        return _raw.put(self._name, _raw.Location(bucket, key), body, content_type, condition)

    def copy(self, duplicates):
        """Copies up to 1000 objects, several at the same time. Takes results of :func:`duplicate`.

        Returns a list of ``Ok`` and ``Err`` in the order of the copies; an ``Err`` in it is not raised."""
        return _raw.copy(self._name, list(duplicates))

    def delete(self, bucket, keys):
        """Deletes up to 1000 objects, several at the same time.

        Returns a list of ``Ok`` and ``Err`` in the order of the keys; an ``Err`` in it is not raised."""
        return _raw.delete(self._name, bucket, list(keys))


def duplicate(source, target, size=None, etag=None):
    """Returns one copy. ``source`` and ``target`` are pairs of a bucket and a key.

    With ``etag``, a source that has changed since is an ``Err`` of kind ``CONFLICT``."""
    return _raw.Duplicate(_raw.Location(*source), _raw.Location(*target), size, etag)
