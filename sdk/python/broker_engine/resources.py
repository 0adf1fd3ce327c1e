"""Kubernetes objects of the kinds that the manifest names. The engine's world must import
``kubectl-broker:engine/resources``."""

import json

from wit_world.imports import resources as raw


class Kind:
    """A kind of objects: ``Kind("acme.example", "v1", "Vault").get("a")``. Objects are dictionaries."""

    def __init__(self, group, version, kind):
        self._raw = raw.Kind(group, version, kind)

    def get(self, name):
        return json.loads(raw.get(self._raw, name))

    def list(self, labels=None, limit=None):
        return [json.loads(text) for text in raw.list(self._raw, raw.Selection(labels, limit))]

    def create(self, object):
        return json.loads(raw.create(self._raw, json.dumps(object)))

    def patch(self, name, patch, status=False):
        """Applies a JSON merge patch (RFC 7386) to the object, or to its status."""
        return json.loads(raw.patch(self._raw, name, json.dumps(patch), status))

    def delete(self, name):
        raw.delete(self._raw, name)
