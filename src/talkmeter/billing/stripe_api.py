"""The invoice items of Stripe's API, by the official library; errors are sentences that never contain the key.

Import this module only if the optional dependency is installed. The library sends through an httpx client that
follows no redirects, does not retry and uses no proxy for unencrypted requests. After a failed request, a look-up
decides whether the item was created.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal, NamedTuple

import httpx
import stripe

from talkmeter import __version__
from talkmeter.deadline import call_within
from talkmeter.errors import Misconfigured, OperationFailed, Unavailable, error_text
from talkmeter.settings import Settings

Mode = Literal["live", "test"]
METADATA_HASH: Final = "talkmeter_line"
_KEY: Final = re.compile(r"(?:sk|rk)_(live|test)_[A-Za-z0-9_]+", re.ASCII)
_TIMEOUT: Final = httpx.Timeout(30, connect=10)
_REQUEST_SEC: Final = 60
_PAGE: Final = 100
_MISSING: Final = "resource_missing"


class StripeKey(NamedTuple):
    """A key of Stripe, and whether its account is live."""

    secret: str
    mode: Mode

    def __repr__(self) -> str:
        """Return a text without the key."""
        return f"StripeKey({self.mode})"


class InvoiceItem(NamedTuple):
    """An invoice item to create. `amount` is in minor units; `start` and `end` are seconds, both included."""

    customer: str
    amount: int
    currency: str
    description: str
    start: int
    end: int
    metadata: Mapping[str, str]


class StripeBusy(Unavailable):
    """Stripe did not answer, or cannot answer now: whether it created anything is unknown."""


class StripeRefused(OperationFailed):
    """Stripe refused the request and created nothing."""


def read_stripe_key(settings: Settings) -> StripeKey:
    """Return the key of TALKMETER_STRIPE_KEY or the file. Raises Misconfigured if there is none or it is invalid."""
    text, variable = settings.stripe_key, "TALKMETER_STRIPE_KEY"
    if text and settings.stripe_key_file:
        raise Misconfigured("Set TALKMETER_STRIPE_KEY or TALKMETER_STRIPE_KEY_FILE, not both.")
    if settings.stripe_key_file:
        variable = "TALKMETER_STRIPE_KEY_FILE"
        try:
            text = Path(settings.stripe_key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise Misconfigured(f"The file of TALKMETER_STRIPE_KEY_FILE cannot be read: {reason}.") from None
    if not text:
        raise Misconfigured("Set TALKMETER_STRIPE_KEY or TALKMETER_STRIPE_KEY_FILE: the secret key of your account.")
    match = _KEY.fullmatch(text)
    if match is None:
        raise Misconfigured(
            f"{variable} must contain a secret or restricted key of Stripe, which begins with sk_live_, sk_test_, "
            "rk_live_ or rk_test_."
        )
    return StripeKey(text, "live" if match[1] == "live" else "test")


class StripeApi:
    """A connection to Stripe; `close` it."""

    def __init__(self, key: StripeKey, url: str) -> None:
        """Prepare the connection to `url`, which is https or on this machine."""
        self._key = key.secret
        self._http = httpx.Client(timeout=_TIMEOUT, follow_redirects=False, trust_env=url.startswith("https:"))
        self._client = stripe.StripeClient(
            key.secret,
            base_addresses={"api": url},
            max_network_retries=0,
            http_client=_HttpClient(self._http),
        )

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def create_item(self, item: InvoiceItem, idempotency_key: str) -> str:
        """Create an invoice item and return its id.

        Raises StripeRefused if nothing was created, StripeBusy if that is unknown.
        """
        with self._translate_errors():
            created = self._client.v1.invoice_items.create(
                {
                    "customer": item.customer,
                    "amount": item.amount,
                    "currency": item.currency.lower(),
                    "description": item.description,
                    "period": {"start": item.start, "end": item.end},
                    "metadata": dict(item.metadata),
                },
                {"idempotency_key": idempotency_key},
            )
            if not isinstance(getattr(created, "id", None), str):
                raise StripeBusy("Stripe's answer has no id.")
            return created.id

    def find_items(self, customer: str, since: int) -> Iterator[dict[str, str]]:
        """Yield page by page the ids of a customer's items, by the hash in their metadata; nothing without a customer.

        `since` is in seconds: when the oldest of them was created. Raises StripeRefused or StripeBusy.
        """
        last: str | None = None
        while True:
            with self._translate_errors():
                try:
                    page = self._client.v1.invoice_items.list(
                        {
                            "customer": customer,
                            "limit": _PAGE,
                            "created": {"gte": since},
                            **({} if last is None else {"starting_after": last}),
                        }
                    )
                except stripe.InvalidRequestError as error:
                    if error.code != _MISSING and error.http_status != HTTPStatus.NOT_FOUND:
                        raise
                    return
                hashes = {
                    str(one.metadata[METADATA_HASH]): one.id
                    for one in page.data
                    if one.metadata and METADATA_HASH in one.metadata
                }
            yield hashes
            if not page.has_more or not page.data:
                return
            last = page.data[-1].id

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        """Raise StripeRefused, StripeBusy or Misconfigured for the errors of the stripe."""
        try:
            yield
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            # The message of Stripe contains a part of the key.
            raise Misconfigured(
                f"Stripe does not accept the key, or it may not read and write invoice items ({error.http_status}). "
                "Check TALKMETER_STRIPE_KEY."
            ) from None
        except (stripe.APIConnectionError, stripe.APIError, stripe.RateLimitError) as error:
            status = "no answer" if error.http_status is None else str(error.http_status)
            raise StripeBusy(f"Stripe could not be reached, or could not answer ({status}).") from None
        except stripe.StripeError as error:
            reason = error_text(Exception(error.user_message or "no reason given")).replace(self._key, "...")
            raise StripeRefused(f"Stripe refused the request ({error.http_status}): {reason}.") from None


class _HttpClient(stripe.HTTPClient):
    """The library's HTTP client: sends by httpx, each request within a deadline."""

    name = "httpx"

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self._http = http

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: str | None = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        known = dict(headers or {})
        sent = {**known, "User-Agent": f"Talkmeter/{__version__} {known.get('User-Agent', '')}"}
        try:
            response = call_within(
                _REQUEST_SEC, lambda: self._http.request(method, url, headers=sent, content=post_data)
            )
        except (httpx.HTTPError, TimeoutError) as error:
            raise stripe.APIConnectionError(type(error).__name__) from None  # type: ignore[no-untyped-call]
        return response.text, response.status_code, response.headers

    def close(self) -> None:
        self._http.close()
