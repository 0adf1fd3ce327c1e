"""Random text for names."""

from ._world import interface

_raw = interface("random")


def token(length):
    """Returns 1–64 random lower-case consonants and digits, which fit into the name of a Kubernetes object.

    ``plugin test`` gives the same text in each run, which Python's own ``random`` does not."""
    return _raw.token(length)
