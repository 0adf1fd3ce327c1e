"""Native tests of the engine's logic: run `PYTHONPATH=bindings python3 -m unittest`."""

import unittest

from broker_engine import CreateRequest, Err, ErrorKind, ListRequest, State, StatusRequest, mock

from app import Operations


def host(**script):
    """Returns a host that answers from a script, and denies what the manifest does not allow."""
    return mock.Host("engine.toml", **script)


class Backups(unittest.TestCase):
    def test_a_list_has_every_backup_with_its_state(self):
        backups = [{"id": "a", "state": "done", "bytes": 3}, {"id": "b", "state": "odd"}]
        with host(answers={"GET /v1/backups": mock.answer(200, {"backups": backups})}):
            found = Operations().list(mock.request(ListRequest)).backups
        self.assertEqual([b.id for b in found], ["a", "b"])
        self.assertEqual([b.state for b in found], [State.SUCCEEDED, State.UNKNOWN])
        self.assertEqual(found[0].size, 3)

    def test_json_of_another_form_is_no_empty_list(self):
        for answer in [mock.answer(200, {}), mock.answer(200, "<html>"), mock.answer(500)]:
            with host(answers={"GET /v1/backups": answer}), self.assertRaises(Err):
                Operations().list(mock.request(ListRequest))

    def test_a_backup_that_is_not_there_is_not_found(self):
        with host(answers={"GET /v1/backups/{id}": mock.answer(404)}) as backend:
            with self.assertRaises(Err) as raised:
                Operations().status(mock.request(StatusRequest, id="x"))
        self.assertEqual(raised.exception.value.kind, ErrorKind.NOT_FOUND)
        self.assertEqual(backend.sent[0].parameters, [("id", "x")])

    def test_a_backup_is_begun(self):
        begun = mock.answer(202, {"id": "c", "state": "queued"})
        with host(answers={"POST /v1/backups": begun}):
            created = Operations().create(mock.request(CreateRequest))
        self.assertEqual(created.state, State.PENDING)


if __name__ == "__main__":
    unittest.main()
