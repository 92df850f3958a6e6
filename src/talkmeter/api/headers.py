"""Read single request headers without decoding all of them, which is slower."""

from talkmeter.api.problems import AnyConnection


def header_values(connection: AnyConnection, name: bytes) -> list[bytes]:
    """Return all values of a header in order; `name` is in lower case, as in ASGI."""
    return [value for header, value in connection.scope["headers"] if header == name]
