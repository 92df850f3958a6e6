"""`talkmeter reconcile` in tests: listed calls, the webhook messages of the same calls, and the command."""

import hmac
import json
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from talkmeter.db.engine import reading
from talkmeter.period import present, read_instant, read_window
from talkmeter.usage.revision import read_revision
from talkmeter.usage.summary import Summary, read_summary, summary_query
from tests import local_http
from tests.cli_runner import run_cli_in_process
from tests.connectors.fake_api import ACCOUNT, Call, FakeApi, retell, running_api, twilio, vapi
from tests.connectors.messages import json_sample
from tests.connectors.metering_server import Hook, MeteringServer
from tests.servers import TALKMETER

KEY: Final = "a_very_particular_key"
API_KEY: Final = "another_very_particular_key"
FROM, TO = "2026-03-01", "2026-03-02"
MIDNIGHT: Final = datetime(2026, 3, 1, tzinfo=UTC)


class Reconciliation(NamedTuple):
    """A connector, and the API of its provider."""

    metering: MeteringServer
    hook: Hook
    api: FakeApi

    def run(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run `talkmeter reconcile` for the day."""
        command, variables = self._command(arguments), self._environment(environment)
        try:
            output = run_cli_in_process(self.metering.server.folder, variables, *command)
        except subprocess.CalledProcessError as failed:
            return subprocess.CompletedProcess(command, failed.returncode, failed.stdout, failed.stderr)
        return subprocess.CompletedProcess(command, 0, output + "\n", "")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `talkmeter reconcile` for the day in a new process."""
        return subprocess.Popen(
            [TALKMETER, *self._command(arguments)],
            cwd=self.metering.server.folder,
            env=self._environment({}),
            stdout=subprocess.PIPE,
            text=True,
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        options = {"twilio": ("--account", ACCOUNT), "vapi": ("--key-env", "API_KEY"), "retell": ()}
        window = () if "--from" in arguments else ("--from", FROM, "--to", TO)
        provider = self.hook.provider
        return ["reconcile", provider, "--connector", self.hook.id, *options[provider], *window, *arguments]

    def _environment(self, extra: dict[str, str]) -> dict[str, str]:
        url = {f"TALKMETER_{self.hook.provider.upper()}_URL": self.api.url}
        return {**self.metering.server.environment, **url, "API_KEY": API_KEY, **extra}

    def report(self, *arguments: str) -> dict[str, Any]:
        """Run the command and return its JSON."""
        done = self.run("--json", *arguments)
        assert done.stderr == "", done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if agrees(report) else 1), report
        return report

    def error(self, *arguments: str, **environment: str) -> str:
        """Run the command, which must fail, and return its error. The error must not contain the key."""
        done = self.run(*arguments, **environment)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith("talkmeter: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        for secret in (KEY, API_KEY, b64encode(f"{ACCOUNT}:{KEY}".encode()).decode()):
            assert secret not in done.stderr
        return done.stderr.removeprefix("talkmeter: ").rstrip()

    def send(self, *calls: Call) -> None:
        """Send the webhook messages of calls that have ended."""
        for call in calls:
            self._post(*MESSAGES[self.hook.provider](self.hook, call))

    def send_retell(self, message: dict[str, Any]) -> None:
        """Send any message of Retell."""
        self._post(*_signed_by_retell(message))

    def _post(self, body: bytes, headers: dict[str, str]) -> None:
        response = local_http.post(self.hook.url, content=body, headers=headers)
        assert response.is_success, response.text

    def summary(self) -> Summary:
        """Return the summary of the day."""
        now = present(read_instant("2026-03-15T12:00:00Z"), 24)
        with reading(self.metering.engine) as connection:
            revision = read_revision(connection, self.hook.org_id, now)
            return read_summary(
                connection, summary_query(self.hook.org_id, read_window(FROM, TO, now.now), now), revision
            )

    def history(self, id_: str) -> str:
        """Return the output of `talkmeter records --id`."""
        return self.metering.server.cli("records", "--org", self.hook.org_id, "--id", f"{self.hook.provider}:{id_}")

    def is_consistent(self) -> bool:
        """Return whether `talkmeter verify` finds no difference."""
        return self.metering.differences(self.hook.org_id) == []


def agrees(report: dict[str, Any]) -> bool:
    """Return whether a report leaves nothing to do."""
    recordable = report["missing"] + report["other_length"] + report["open"] if report["recorded"] is None else 0
    return bool(recordable + report["extra"] + report["not_understood"] == 0)


@contextmanager
def reconciliation(metering: MeteringServer, provider: str, org_id: str = "") -> Iterator[Reconciliation]:
    """Yield a connector of a provider, and the provider's API."""
    respond = {"twilio": twilio, "vapi": vapi, "retell": retell}[provider]
    with running_api(FakeApi(API_KEY if provider == "vapi" else KEY, respond)) as api:
        yield Reconciliation(metering, metering.connect(provider, KEY, org_id=org_id), api)


def listed_call(provider: str, number: int, seconds: int = 60, **changes: Any) -> Call:
    """Return a call of the day as its provider lists it; it begins `number` hours after midnight."""
    start = MIDNIGHT.timestamp() + number * 3_600
    call = CALLS[provider](number, start, start + seconds)
    call.update(changes)
    return call


def call_id(call: Call) -> str:
    """Return the provider's id of a call."""
    return str(call.get("sid") or call.get("call_id") or call["id"])


def rfc_2822(instant: float) -> str:
    return format_datetime(datetime.fromtimestamp(instant, UTC))


def iso(instant: float) -> str:
    return datetime.fromtimestamp(instant, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _twilio_call(number: int, start: float, end: float) -> Call:
    return {
        **json_sample("twilio_call_resource.json"),
        "sid": f"CA{number:032}",
        "date_created": rfc_2822(start - 5),
        "date_updated": rfc_2822(end + 1),
        "start_time": rfc_2822(start),
        "end_time": rfc_2822(end),
        "duration": str(int(end - start)),
    }


def _vapi_call(number: int, start: float, end: float) -> Call:
    return {
        **json_sample("vapi_call_record.json"),
        "id": f"vapi-{number}",
        "createdAt": iso(start - 5),
        "startedAt": iso(start),
        "endedAt": iso(end),
        "updatedAt": iso(end + 5),
    }


def _retell_call(number: int, start: float, end: float) -> Call:
    return {
        **json_sample("retell_call_ended.json")["call"],
        "call_id": f"call_{number}",
        "call_status": "ended",
        "start_timestamp": int(start * 1_000),
        "end_timestamp": int(end * 1_000),
        "duration_ms": int((end - start) * 1_000),
    }


CALLS: Final = {"twilio": _twilio_call, "vapi": _vapi_call, "retell": _retell_call}


def _twilio_message(hook: Hook, call: Call) -> tuple[bytes, dict[str, str]]:
    fields = {
        "CallSid": call["sid"],
        "CallStatus": call["status"],
        "Direction": call["direction"],
        "Timestamp": call["end_time"] or call["start_time"],
        "CallDuration": call["duration"] or "0",
        "From": call["from"],
        "To": call["to"],
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "3",
    }
    if call["parent_call_sid"]:
        fields["ParentCallSid"] = call["parent_call_sid"]
    signed = hook.public_url + "".join(name + fields[name] for name in sorted(fields))
    signature = b64encode(hmac.digest(KEY.encode(), signed.encode(), "sha1")).decode()
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return urlencode(fields).encode(), headers


def _vapi_message(_hook: Hook, call: Call) -> tuple[bytes, dict[str, str]]:
    report = {"type": "end-of-call-report", "endedReason": call["endedReason"], "call": call}
    number = {"phoneNumber": {"number": "+13125550110"}}
    return json.dumps({"message": {**report, **number}}).encode(), {"X-Vapi-Secret": KEY}


def _retell_message(_hook: Hook, call: Call) -> tuple[bytes, dict[str, str]]:
    return _signed_by_retell({"event": "call_ended", "call": call})


def _signed_by_retell(message: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(message).encode()
    at = int(time.time()) * 1_000
    mac = hmac.digest(KEY.encode(), body + str(at).encode(), "sha256").hex()
    return body, {"X-Retell-Signature": f"v={at},d={mac}"}


MESSAGES: Final = {"twilio": _twilio_message, "vapi": _vapi_message, "retell": _retell_message}
