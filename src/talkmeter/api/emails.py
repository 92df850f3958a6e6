"""`/email/confirm`: the owner of an e-mail address agrees to get messages of an organization.

The secret is in the fragment of the link, which browsers do not send, and opening the link confirms nothing: programs
that check the links of e-mails open them too.
"""

import secrets
from typing import Annotated, Final

import msgspec
from litestar import MediaType, Response, Router, get, post
from msgspec import Meta

from talkmeter import clock
from talkmeter.api.body import BodyLimits, read_body, require_json
from talkmeter.api.json_body import json_answer, service_of
from talkmeter.api.openapi import error_specs, json_spec, operation_with
from talkmeter.api.problems import AnyRequest
from talkmeter.api.request_bodies import CONFIRMATION_BODY
from talkmeter.errors import Forbidden, Unprocessable
from talkmeter.notify.recipients import confirm

MAX_BODY_BYTES: Final = 4_096
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Confirm an e-mail address</title>
<link rel="icon" href="data:,">
<style nonce="NONCE">
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 32rem; margin: 4rem auto; padding: 0 1rem }
button { font: inherit; padding: .4rem 1rem }
</style>
</head>
<body>
<main>
<h1>Confirm an e-mail address</h1>
<p id="question">This link is not complete: open the whole address that is in the e-mail.</p>
<p><button id="confirm" hidden>Confirm</button></p>
<p id="result" role="status"></p>
</main>
<script nonce="NONCE">
const fields = new URLSearchParams(location.hash.slice(1));
const [organization, address, secret] = ["organization", "address", "secret"].map((name) => fields.get(name));
const button = document.getElementById("confirm");
const say = (text) => { document.getElementById("result").textContent = text; };
if (organization && address && secret) {
  document.getElementById("question").textContent =
    `The organization ${organization} wants to send messages about its budgets to ${address}.`;
  button.hidden = false;
}
button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    const response = await fetch("/email/confirm", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ organization_id: organization, address, secret }),
    });
    const answer = await response.json();
    button.hidden = response.ok;
    say(response.ok ? "Thank you: this address gets messages from now on." : answer.detail);
  } catch {
    say("The server cannot be reached. Try again later.");
  }
  button.disabled = false;
});
</script>
</body>
</html>
"""


class ConfirmationBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a confirmation, from the link in the e-mail."""

    organization_id: str
    address: str
    secret: str


class Confirmed(msgspec.Struct, frozen=True):
    """An address that was confirmed."""

    address: Annotated[str, Meta(description="It gets messages from now on.")]


@get("/email/confirm", media_type=MediaType.HTML, include_in_schema=False)
async def get_confirmation() -> Response[str]:
    """Return the page that a link in an e-mail opens."""
    nonce = secrets.token_urlsafe(16)
    policy = (
        f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; img-src data:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Response(
        content=_PAGE.replace("NONCE", nonce),
        media_type=MediaType.HTML,
        headers={"Content-Security-Policy": policy, "Cache-Control": "no-store"},
    )


@post(
    "/email/confirm",
    operation_id="confirmEmail",
    operation_class=operation_with(body=CONFIRMATION_BODY),
    status_code=200,
    responses={200: json_spec(Confirmed, "It is confirmed."), **error_specs(400, 403, 408, 413, 415, 422, 507)},
    summary="Confirm an e-mail address",
)
async def post_confirmation(request: AnyRequest) -> Response[bytes]:
    """Confirm an address with the secret of the link that was sent to it."""
    service = service_of(request)
    require_json(request)
    limits = BodyLimits(MAX_BODY_BYTES, service.settings.body_timeout_sec)
    with service.unverified.reservation("e-mail confirmations") as reserve:
        content = await read_body(request, limits, reserve)
    try:
        body = msgspec.json.decode(content, type=ConfirmationBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unprocessable(f"The confirmation is not valid: {error}.") from None
    confirmed = await service.change(
        lambda connection: confirm(connection, body.organization_id, body.address, body.secret, clock.now())
    )
    if not confirmed:
        raise Forbidden("This link is not valid any more: it works for 7 days, and only the newest one does.")
    return json_answer(Confirmed(body.address))


emails_router = Router(path="/", route_handlers=[get_confirmation, post_confirmation], tags=["E-mails"])
