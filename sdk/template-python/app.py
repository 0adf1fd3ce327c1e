"""Backups of {{name}}, through its REST API.

An engine says which requests to send and what the answers mean. The host finds the pods, opens the
connection, adds credentials, waits for the end of a backup, and shows the result.
"""

from broker_engine import Detection, Engine, State, backup, http

STATES = {
    "queued": State.PENDING,
    "running": State.RUNNING,
    "done": State.SUCCEEDED,
    "failed": State.FAILED,
}


class Operations(Engine):
    """The engine: a method for each operation that engine.toml names."""

    def detect(self):
        """A cheap request that tells this backend from any other program on that port."""
        health = http.get("api", "/v1/health").send().expect_ok().json()
        return Detection(field(health, "product"), field(health, "version"), None)

    def list(self, request):
        """In any order: the host sorts them."""
        listed = http.get("api", "/v1/backups").send().expect_ok().json()
        # A key that is missing is an error, and never an empty list.
        return [to_backup(entry) for entry in field(listed, "backups")]

    def status(self, request):
        """The host calls it again and again until a backup has ended."""
        # A parameter is given beside its route: the host encodes it, and it can't become another route.
        found = http.get("api", "/v1/backups/{id}").parameter("id", request.id)
        return to_backup(found.send().expect_ok().json())

    def create(self, request):
        """Begins a backup and returns at once: the host waits."""
        return to_backup(http.post("api", "/v1/backups").send().expect_ok().json())


def field(value, name):
    """What has to be in an answer of the backend."""
    if not isinstance(value, dict) or name not in value:
        raise http.unexpected(f"the answer has no `{name}`")
    return value[name]


def to_backup(entry):
    state = field(entry, "state")
    return backup(
        field(entry, "id"),
        # A later version of the backend may have more of them.
        STATES.get(state, State.UNKNOWN),
        reported_state=state,
        size=entry.get("bytes"),
        created=entry.get("created"),
        failure=entry.get("error"),
    )
