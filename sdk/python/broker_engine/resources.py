"""Kubernetes objects of the kinds that the manifest names, where its rules say. Objects are dictionaries."""

import json
from dataclasses import dataclass
from typing import Any

from ._world import interface

_raw = interface("resources")


def __getattr__(name):
    # `Change` exists only if the engine's world imports the interface.
    if name == "Change":
        return _raw.Change
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Kind:
    """A kind of objects: ``Kind("acme.example", "v1", "Vault").get("a")``. The core group is ``""``."""

    def __init__(self, group, version, kind, *, namespace=None, dry_run=False):
        self._group, self._version, self._kind = group, version, kind
        self._namespace = namespace
        self._dry_run = dry_run

    def in_namespace(self, namespace):
        """Returns the kind in a namespace, if the rule of the manifest says ``in any``."""
        return Kind(
            self._group, self._version, self._kind, namespace=namespace, dry_run=self._dry_run
        )

    def dry_run(self, dry_run=True):
        """Returns the kind for changes that the API server checks but does not store."""
        return Kind(
            self._group, self._version, self._kind, namespace=self._namespace, dry_run=dry_run
        )

    def get(self, name):
        return json.loads(_raw.get(self._of(), name))

    def list(self, labels=None, fields=None, limit=None):
        """Returns the selected objects: ``list(labels="app=vault", fields="metadata.name=a")``."""
        return [json.loads(text) for text in _raw.list(self._of(), _raw.Selection(labels, fields, limit))]

    def create(self, object):
        """Creates an object and returns it as stored. The host adds ``apiVersion``, ``kind`` and the namespace
        if they are missing."""
        return json.loads(_raw.create(self._of(), json.dumps(object), self._dry_run))

    def patch(self, name, patch, status=False):
        """Applies a JSON merge patch (RFC 7386) to the object, or to its status, and returns the object."""
        patched = _raw.patch(self._of(), name, json.dumps(patch), status, self._dry_run)
        return json.loads(patched)

    def delete(self, name):
        _raw.delete(self._of(), name, self._dry_run)

    def watch(self, labels=None, fields=None):
        """Returns an iterator of :class:`Event`, beginning with one per existing object. It ends when the
        deadline of the operation is near."""
        watcher = _raw.watch(self._of(), _raw.Selection(labels, fields, None))
        return _events(watcher)

    def _of(self):
        return _raw.Kind(self._group, self._version, self._kind, self._namespace)


@dataclass
class Event:
    """One change of an object."""

    #: ``Change.ADDED``, ``Change.MODIFIED`` or ``Change.DELETED``.
    change: Any
    #: The object after the change; for a deletion, its last state.
    object: dict


def _events(watcher):
    while (event := watcher.next()) is not None:
        yield Event(event.change, json.loads(event.object))
