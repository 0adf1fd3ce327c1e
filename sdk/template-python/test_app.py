"""Native tests of the engine's logic: run `PYTHONPATH=bindings python3 -m unittest`."""

import unittest

from broker_engine import Err, ErrorKind, State, mock
from wit_world.exports.operations import CreateRequest, ListRequest, StatusRequest

from app import Operations


class Backups(unittest.TestCase):
    def test_a_list_has_every_backup_with_its_state(self):
        backups = [{"id": "a", "state": "done", "bytes": 3}, {"id": "b", "state": "odd"}]
        with mock.backend({"GET /v1/backups": mock.answer(200, {"backups": backups})}):
            found = Operations().list(ListRequest(None, []))
        self.assertEqual([b.id for b in found], ["a", "b"])
        self.assertEqual([b.state for b in found], [State.SUCCEEDED, State.UNKNOWN])
        self.assertEqual(found[0].size, 3)

    def test_a_list_that_is_none_is_an_error(self):
        for answer in [mock.answer(200, {}), mock.answer(200, "<html>"), mock.answer(500)]:
            with mock.backend({"GET /v1/backups": answer}), self.assertRaises(Err):
                Operations().list(ListRequest(None, []))

    def test_a_backup_that_is_not_there_is_not_found(self):
        with mock.backend({"GET /v1/backups/{id}": mock.answer(404)}) as backend:
            with self.assertRaises(Err) as raised:
                Operations().status(StatusRequest("x", []))
        self.assertEqual(raised.exception.value.kind, ErrorKind.NOT_FOUND)
        self.assertEqual(backend.sent[0].parameters, [("id", "x")])

    def test_a_backup_is_begun(self):
        begun = mock.answer(202, {"id": "c", "state": "queued"})
        with mock.backend({"POST /v1/backups": begun}):
            self.assertEqual(Operations().create(CreateRequest([])).state, State.PENDING)


if __name__ == "__main__":
    unittest.main()
