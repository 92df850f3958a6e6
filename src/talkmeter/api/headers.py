"""A request's headers as they came: who needs one or two does not wait until all are decoded."""

from talkmeter.api.problems import Connected


def values_of(connection: Connected, name: bytes) -> list[bytes]:
    """Every value of a header, in order; `name` in lower case, as ASGI has all names."""
    return [value for known, value in connection.scope["headers"] if known == name]
