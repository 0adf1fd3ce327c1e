"""An engine for the backups of {{name}}, which uses its REST API.

An engine knows which requests to send and how to read the answers. The host finds the pods, opens the
connection, adds credentials, waits for a backup, and shows the result.
"""

from broker_engine import Detection, Engine, State, backup, http, page, unexpected

STATES = {
    "queued": State.PENDING,
    "running": State.RUNNING,
    "done": State.SUCCEEDED,
    "failed": State.FAILED,
}


class Operations(Engine):
    """The engine: a method for each operation that engine.toml names."""

    def detect(self):
        """Sends a cheap request that distinguishes this backend from any other program on that port."""
        health = http.get("api", "/v1/health").send().expect_ok().json()
        return Detection(field(health, "product"), field(health, "version"), None)

    def list(self, request):
        """Returns the backups in any order: the host sorts them."""
        listed = http.get("api", "/v1/backups").send().expect_ok().json()
        # A missing key is an error, not an empty list.
        return page(to_backup(entry) for entry in field(listed, "backups"))

    def status(self, request):
        """Returns one backup. The host polls this operation until the backup has ended."""
        # A parameter is passed separately: the host encodes it, so that it can't change the route.
        found = http.get("api", "/v1/backups/{id}").parameter("id", request.id)
        return to_backup(found.send().expect_ok().json())

    def create(self, request):
        """Starts a backup and returns at once: the host waits."""
        return to_backup(http.post("api", "/v1/backups").send().expect_ok().json())


def field(value, name):
    """Returns a required field of an answer of the backend."""
    if not isinstance(value, dict) or name not in value:
        raise unexpected(f"the answer has no `{name}`")
    return value[name]


def to_backup(entry):
    state = field(entry, "state")
    return backup(
        field(entry, "id"),
        # A later version of the backend may have more states.
        STATES.get(state, State.UNKNOWN),
        reported_state=state,
        size=entry.get("bytes"),
        created=entry.get("created"),
        failure=entry.get("error"),
    )
