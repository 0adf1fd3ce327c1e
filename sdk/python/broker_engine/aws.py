"""Actions of Amazon's query services, such as RDS, that the manifest names in ``[aws.SERVICE]``."""

from ._world import interface

_raw = interface("aws")


def call(service, action, parameters=None, region=None):
    """Calls an action, and returns the XML of the response::

        aws.call("rds", "DescribeDBSnapshots", {"DBInstanceIdentifier": "orders"})

    Lists are numbered as in the service's documentation: ``Tags.Tag.1.Key``."""
    given = [(name, str(value)) for name, value in (parameters or {}).items()]
    return _raw.call(service, action, given, region)
