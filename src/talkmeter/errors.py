"""The error classes: each error carries one sentence for people and has an HTTP status.

`api/problems.py` renders errors as problem+json, `cli/` prints the sentence; nothing else renders errors.
"""

from http import HTTPStatus
from typing import ClassVar, Final

MAX_QUOTED: Final = 60


def quoted(text: str) -> str:
    """Return input as it can be shown in a sentence: quoted, at most 60 characters, printable ASCII."""
    return ascii(text if len(text) <= MAX_QUOTED else text[:MAX_QUOTED] + "...")


def error_text(error: BaseException) -> str:
    """Return the first line of an exception's text, printable and at most 200 characters long."""
    line = str(error).partition("\n")[0][:200]
    return "".join(char if char.isprintable() else "?" for char in line).rstrip(".") or "it cannot be read"


class TalkmeterError(Exception):
    """The base class of all errors. `detail` is one plain sentence: what was wrong, where, and what is allowed."""

    status: ClassVar[HTTPStatus] = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str) -> None:
        """Keep the sentence."""
        super().__init__(detail)
        self.detail = detail

    @property
    def public_detail(self) -> str:
        """The sentence for HTTP clients; logs and the command line show `detail`."""
        return self.detail

    @property
    def log_detail(self) -> str:
        """The sentence for the log, which names no record."""
        return self.detail

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an HTTP response with this error."""
        return {}


class BadRequest(TalkmeterError):
    """The request cannot be parsed."""

    status = HTTPStatus.BAD_REQUEST


class ClientGone(BadRequest):
    """The client has disconnected, so its query was ended."""


class NotAuthenticated(TalkmeterError):
    """The credential is missing, unknown, expired or revoked, or it does not name an organization."""

    status = HTTPStatus.UNAUTHORIZED

    @property
    def headers(self) -> dict[str, str]:
        """The authentication scheme to use (RFC 9110, section 11.6.1)."""
        return {"WWW-Authenticate": 'Bearer realm="talkmeter"'}


class Forbidden(TalkmeterError):
    """The credential is valid but does not allow this."""

    status = HTTPStatus.FORBIDDEN


class NotFound(TalkmeterError):
    """The requested resource does not exist."""

    status = HTTPStatus.NOT_FOUND


class PreconditionFailed(TalkmeterError):
    """The resource is not as the request's If-Match or If-None-Match says."""

    status = HTTPStatus.PRECONDITION_FAILED


class PreconditionRequired(TalkmeterError):
    """The request must say with If-Match or If-None-Match what it changes."""

    status = HTTPStatus.PRECONDITION_REQUIRED


class RequestTimeout(TalkmeterError):
    """The request body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TooLarge(TalkmeterError):
    """The request body has too many bytes or events."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class UnsupportedMediaType(TalkmeterError):
    """The content type or content encoding is not supported."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Unprocessable(TalkmeterError):
    """A parameter or the body is well-formed but not allowed."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyRequests(TalkmeterError):
    """The client has done this too often, and may do it again in a minute."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    @property
    def headers(self) -> dict[str, str]:
        """The time after which to retry."""
        return {"Retry-After": "60"}


class Unavailable(TalkmeterError):
    """The service cannot process this now; the client may retry after `retry_after` seconds."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    retry_after: ClassVar[int] = 1

    @property
    def headers(self) -> dict[str, str]:
        """The time after which to retry."""
        return {"Retry-After": str(self.retry_after)}


class DatabaseUnavailable(Unavailable):
    """The database cannot be reached or used now; `detail` has the driver's message, which may name hosts and roles."""

    @property
    def public_detail(self) -> str:
        """A sentence that does not reveal where the database is."""
        return "The database is unavailable; retry shortly. The reason is in the server's log."


class NotPrepared(Unavailable):
    """Figures of an older version's usage are still being computed in the background."""

    retry_after = 60


class SecretUnreadable(Unavailable):
    """The secret of a connector or webhook cannot be decrypted until an operator acts; `detail` names the setting."""

    retry_after = 60

    @property
    def public_detail(self) -> str:
        """A sentence that does not reveal how the server is set up."""
        return "The webhook cannot be verified now; retry later. The reason is in the server's log."


class NotWritable(Unavailable):
    """The database must not or cannot be written until an operator acts: it is read-only, replaced or migrated."""


class OrganizationClosed(Unavailable):
    """The organization is being merged or deleted, and the request cannot be kept in quarantine."""


class TimedOut(Unavailable):
    """A transaction did not end in time. Whether a write was committed is unknown, so the sender must send it again."""


class DiskFull(Unavailable):
    """The disk is full; nothing from the request was stored."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    retry_after = 30


class Misconfigured(TalkmeterError):
    """A setting, a file or a database cannot be used."""


class Damaged(TalkmeterError):
    """A stored row or a page of the database file is damaged; `detail` names the table and, if it is known, the row."""

    def __init__(self, table: str, detail: str) -> None:
        """Keep the table's name and the sentence."""
        super().__init__(detail)
        self.table = table

    @property
    def public_detail(self) -> str:
        """A sentence that names no table and no record."""
        return (
            "Stored data that this request needs is damaged, so it cannot be answered. Ask the operator of this "
            "server; its log has the reason."
        )

    @property
    def log_detail(self) -> str:
        """The damaged table, without the row's key."""
        return f"Stored data is damaged: {self.table}; 'talkmeter verify' names the rows."


class OperationFailed(TalkmeterError):
    """A command or operation cannot be carried out."""
