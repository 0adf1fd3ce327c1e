"""The part of the mock host that is outside the cluster: object stores, and services of AWS."""

import hashlib
import re
from dataclasses import dataclass
from typing import Optional

from componentize_py_types import Err, Ok
from wit_world.imports.types import ErrorKind

from ._world import interface
from .errors import failure

_storage = interface("storage")

#: The limits of the real host.
_MAX_PAGE = 1000
_MAX_BODY = 1 << 20
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")


@dataclass
class Called:
    """An action that the engine called."""

    #: The action, as ``SERVICE:ACTION``.
    action: str
    parameters: dict
    region: Optional[str]


class Outside:
    """The calls of the interfaces ``storage`` and ``aws``. :class:`mock.Host` inherits them."""

    def _init_outside(self, stored, refused, actions):
        #: The objects in all stores, by ``BUCKET/KEY``.
        self.stored = {name: _bytes(body) for name, body in (stored or {}).items()}
        self._refused_stored = dict(refused or {})
        self._actions = actions
        #: The actions that the engine called, as :class:`Called`.
        self.called = []

    # The interface `storage`.

    def _storage_get(self, store, at):
        self._check_store(store, "get", at.bucket, at.key)
        return self._answer_of(self._read_stored(at))

    def _storage_head(self, store, at):
        self._check_store(store, "get", at.bucket, at.key)
        return _facts(at.key, self._read_stored(at))

    def _storage_list(self, store, selection):
        self._check_store(store, "list", selection.bucket, selection.prefix)
        most = min(max(selection.limit or _MAX_PAGE, 1), _MAX_PAGE)
        names = {}
        for name in sorted(self.stored):
            bucket, _, key = name.partition("/")
            if bucket != selection.bucket or not key.startswith(selection.prefix):
                continue
            end = key.find("/", len(selection.prefix)) if selection.folders else -1
            names.setdefault(key if end < 0 else key[: end + 1], name if end < 0 else None)
        after = [one for one in names if selection.cursor is None or one > selection.cursor]
        page = after[:most]
        return _storage.Page(
            [_facts(key, self.stored[names[key]]) for key in page if names[key] is not None],
            [key for key in page if names[key] is None],
            page[-1] if len(after) > most else None,
        )

    def _storage_put(self, store, at, body, content_type, condition):
        self._check_store(store, "put", at.bucket, at.key)
        if len(body) > _MAX_BODY:
            raise failure(ErrorKind.INVALID_ARGUMENT, f"an object of {len(body)} bytes")
        name = f"{at.bucket}/{at.key}"
        old = self.stored.get(name)
        if isinstance(condition, _storage.Condition_Absent):
            is_met = old is None
        elif isinstance(condition, _storage.Condition_Unchanged):
            is_met = old is not None and _facts(at.key, old).etag == condition.value
        else:
            is_met = True
        if not is_met:
            raise failure(ErrorKind.CONFLICT, f"s3://{name} is not as demanded")
        self.stored[name] = bytes(body)
        return _facts(at.key, body)

    def _storage_copy(self, store, duplicates):
        _check_batch(duplicates)
        return [_result(lambda one=one: self._copy(store, one)) for one in duplicates]

    def _copy(self, store, one):
        self._check_store(store, "get", one.source.bucket, one.source.key)
        self._check_store(store, "copy", one.target.bucket, one.target.key)
        body = self._read_stored(one.source)
        if one.etag not in (None, _facts(one.source.key, body).etag):
            raise failure(ErrorKind.CONFLICT, f"s3://{one.source.bucket}/{one.source.key} has changed")
        self.stored[f"{one.target.bucket}/{one.target.key}"] = body
        return _facts(one.target.key, body)

    def _storage_delete(self, store, bucket, keys):
        _check_batch(keys)

        def delete(key):
            self._check_store(store, "delete", bucket, key)
            self.stored.pop(f"{bucket}/{key}", None)

        return [_result(lambda key=key: delete(key)) for key in keys]

    def _read_stored(self, at):
        name = f"{at.bucket}/{at.key}"
        if name not in self.stored:
            raise failure(ErrorKind.NOT_FOUND, f"s3://{name} does not exist")
        return self.stored[name]

    def _check_store(self, store, verb, bucket, key):
        if not _BUCKET.fullmatch(bucket) or ".." in bucket:
            raise failure(ErrorKind.INVALID_ARGUMENT, f"`{bucket}` is not a name of a bucket")
        if any(part in (".", "..") for part in key.split("/")):
            raise failure(ErrorKind.INVALID_ARGUMENT, f"`{key}` is not a key")
        if self._manifest is not None:
            rules = self._manifest.get("storage", {}).get(store, {}).get("allow", [])
            if not any(_allows(rule, verb, bucket, key) for rule in rules):
                message = f"the manifest does not allow `{verb}` in {bucket}/{key} of store {store}"
                raise failure(ErrorKind.DENIED, message)
        name = f"{bucket}/" if verb == "list" else f"{bucket}/{key}"
        if name in self._refused_stored:
            raise self._refused_stored[name]

    # The interface `aws`.

    def _aws_call(self, service, action, parameters, region):
        name = f"{service}:{action}"
        if self._manifest is not None:
            if action not in self._manifest.get("aws", {}).get(service, {}).get("allow", []):
                raise failure(ErrorKind.DENIED, f"the manifest does not allow the action {name}")
        self.called.append(Called(name, dict(parameters), region))
        return self._next_of(self._actions, name)


def _allows(rule, verb, bucket, key):
    verbs, _, place = rule.partition(" in ")
    if verb not in verbs.split():
        return False
    # The options of the call are not known here, so that a place that the user names fits any bucket.
    if place == "any" or place.startswith("{"):
        return True
    granted, _, prefix = place.partition("/")
    return bucket == granted and key.startswith(prefix)


def _facts(key, body):
    digest = hashlib.sha256(body).hexdigest()
    return _storage.Object(key, len(body), None, f'"{digest[:32]}"', None)


def _bytes(body):
    return body.encode() if isinstance(body, str) else bytes(body)


def _check_batch(batch):
    if len(batch) > _MAX_PAGE:
        raise failure(ErrorKind.INVALID_ARGUMENT, f"{len(batch)} objects at once")


def _result(call):
    try:
        return Ok(call())
    except Err as error:
        return error
