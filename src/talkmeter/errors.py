"""The one error root: each error writes its own sentence and knows its HTTP status.

`api/problems.py` renders them as problem+json, `cli/` prints the sentence; nothing else renders errors.
"""

from http import HTTPStatus
from typing import ClassVar, Final

MAX_SHOWN: Final = 60


def shown(text: str) -> str:
    """Somebody's text as it may stand in a sentence: quoted, short, printable."""
    return ascii(text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "...")


class TalkmeterError(Exception):
    """Something a person can act on; `detail` is one plain sentence that says what, where and what is allowed."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str) -> None:
        """Keep the sentence."""
        super().__init__(detail)
        self.detail = detail

    @property
    def public_detail(self) -> str:
        """The sentence as a caller over HTTP may read it; the log and the command line have `detail`."""
        return self.detail

    @property
    def headers(self) -> dict[str, str]:
        """Headers that an HTTP answer with this error carries."""
        return {}


class BadRequest(TalkmeterError):
    """The request cannot be read at all."""

    status = HTTPStatus.BAD_REQUEST


class NotAuthenticated(TalkmeterError):
    """No credential, an unknown, expired or revoked one, or one that names no organization."""

    status = HTTPStatus.UNAUTHORIZED

    @property
    def headers(self) -> dict[str, str]:
        """Tell clients which scheme to use (RFC 9110, section 11.6.1)."""
        return {"WWW-Authenticate": 'Bearer realm="talkmeter"'}


class Forbidden(TalkmeterError):
    """A valid credential that does not allow this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(TalkmeterError):
    """What was named does not exist."""

    status = HTTPStatus.NOT_FOUND


class RequestTimeout(TalkmeterError):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(TalkmeterError):
    """The body holds more bytes or events than a request may."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(TalkmeterError):
    """A content type or content encoding that is not read here."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unprocessable(TalkmeterError):
    """A parameter or body that is well-formed and yet not allowed."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Unavailable(TalkmeterError):
    """The service cannot take this now; the same request may be sent again after `retry_after` seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after: ClassVar[int] = 1

    @property
    def headers(self) -> dict[str, str]:
        """Say when to come back."""
        return {"Retry-After": str(self.retry_after)}


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or used now; `detail` has its own words, which may name hosts and roles."""

    @property
    def public_detail(self) -> str:
        """Nothing of where the database is."""
        return "The database is unavailable; retry shortly. The reason is in the server's log."


class DiskFull(Unavailable):
    """The database has no room; nothing of the request was stored."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    retry_after = 30


class Misconfigured(TalkmeterError):
    """A setting, a file or a database that the program refuses to work with."""


class Refused(TalkmeterError):
    """A command that cannot do what was asked, and says why."""
