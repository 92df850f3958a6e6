"""Read single headers, query parameters and cookies of a request.

The framework caches what it parses, about twenty times as large as the text. Anyone could fill the memory with it.
"""

from urllib.parse import parse_qsl

from talkmeter.api.problems import AnyConnection


def header_values(connection: AnyConnection, name: bytes) -> list[bytes]:
    """Return all values of a header in order; `name` is in lower case, as in ASGI."""
    return [value for header, value in connection.scope["headers"] if header == name]


def query_parameters(connection: AnyConnection) -> list[tuple[str, str]]:
    """Return the query parameters in order, with empty ones; what is not UTF-8 becomes U+FFFD."""
    return parse_qsl(connection.scope["query_string"].decode("latin-1"), keep_blank_values=True)


def cookie_value(connection: AnyConnection, name: str) -> str | None:
    """Return the value of the first cookie with a name, or None."""
    prefix = name.encode() + b"="
    for header in header_values(connection, b"cookie"):
        for cookie in header.split(b";"):
            if (stripped := cookie.strip()).startswith(prefix):
                return stripped.removeprefix(prefix).decode("latin-1")
    return None
