"""The check that a request comes from the service's own page: another site must not act with a browser's cookie."""

from talkmeter.api.problems import AnyConnection
from talkmeter.errors import Forbidden
from talkmeter.settings import Settings, public_url


def require_same_origin(connection: AnyConnection, settings: Settings, what: str) -> None:
    """Raise Forbidden unless the request comes from the service's page; pages cannot forge these headers.

    `what` is what only the page can do, such as "change a session".
    """
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        if site != "same-origin":
            raise Forbidden(f"Only the page of this service can {what}, not another site.")
        return
    expected = public_url(settings)
    if (origin := connection.headers.get("origin")) != expected:
        actual = f"came from {origin[:100]}" if origin else "has no Origin header"
        raise Forbidden(
            f"Only the page at {expected} can {what}, but this request {actual}. "
            "Set TALKMETER_PUBLIC_URL to the URL that users see in their browser."
        )
