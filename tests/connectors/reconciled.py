"""Connectors to reconcile: calls as a stack's list has them, the messages of the same calls, and the command."""

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
from talkmeter.usage.summary import Summary, read_summary
from tests import local_http
from tests.cli_runner import run_cli_in_process
from tests.connectors.messages import json_sample
from tests.connectors.metering_server import Hook, MeteringServer
from tests.connectors.stack_apis import ACCOUNT, Call, Stack, retell, serving, twilio, vapi
from tests.servers import TALKMETER

KEY: Final = "a_very_particular_key"
API_KEY: Final = "another_very_particular_key"
FROM, TO = "2026-03-01", "2026-03-02"
MIDNIGHT: Final = datetime(2026, 3, 1, tzinfo=UTC)


class Reconciled(NamedTuple):
    """A connector and its stack's API."""

    metering: MeteringServer
    hook: Hook
    stack: Stack

    def finish(self, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        """Run `talkmeter reconcile` for the day, to its end."""
        command, given = self._command(arguments), self._environment(environment)
        try:
            said = run_cli_in_process(self.metering.server.folder, given, *command)
        except subprocess.CalledProcessError as ended:
            return subprocess.CompletedProcess(command, ended.returncode, ended.stdout, ended.stderr)
        return subprocess.CompletedProcess(command, 0, said + "\n", "")

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start `talkmeter reconcile` for the day in a process of its own."""
        return subprocess.Popen(
            [TALKMETER, *self._command(arguments)],
            cwd=self.metering.server.folder,
            env=self._environment({}),
            stdout=subprocess.PIPE,
            text=True,
        )

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        of = {"twilio": ("--account", ACCOUNT), "vapi": ("--key-env", "API_KEY"), "retell": ()}[self.hook.provider]
        window = () if "--from" in arguments else ("--from", FROM, "--to", TO)
        return ["reconcile", self.hook.provider, "--connector", self.hook.id, *of, *window, *arguments]

    def _environment(self, beside: dict[str, str]) -> dict[str, str]:
        url = {f"TALKMETER_{self.hook.provider.upper()}_URL": self.stack.url}
        return {**self.metering.server.environment, **url, "API_KEY": API_KEY, **beside}

    def answer(self, *arguments: str) -> dict[str, Any]:
        """What the command says as JSON."""
        done = self.finish("--json", *arguments)
        assert done.stderr == "", done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        assert done.returncode == (0 if agrees(said) else 1), said
        return said

    def refusal(self, *arguments: str, **environment: str) -> str:
        """The sentence with which it ends; the key is not in it."""
        done = self.finish(*arguments, **environment)
        assert (done.returncode, done.stdout) == (1, ""), done
        assert done.stderr.startswith("talkmeter: "), done.stderr
        assert done.stderr.count("\n") == 1, done.stderr
        for secret in (KEY, API_KEY, b64encode(f"{ACCOUNT}:{KEY}".encode()).decode()):
            assert secret not in done.stderr
        return done.stderr.removeprefix("talkmeter: ").rstrip()

    def send(self, *calls: Call) -> None:
        """The messages of calls, as their stack sends them when they are over."""
        for made in calls:
            self._post(*MESSAGES[self.hook.provider](self.hook, made))

    def tell(self, message: dict[str, Any]) -> None:
        """Any message of Retell's."""
        self._post(*_signed_by_retell(message))

    def _post(self, body: bytes, headers: dict[str, str]) -> None:
        answer = local_http.post(self.hook.url, content=body, headers=headers)
        assert answer.is_success, answer.text

    def summary(self) -> Summary:
        """The day's figures."""
        now = present(read_instant("2026-03-15T12:00:00Z"), 24)
        with reading(self.metering.engine) as connection:
            revision = read_revision(connection, self.hook.org_id, now)
            return read_summary(connection, self.hook.org_id, read_window(FROM, TO, now.now), revision, now)

    def history(self, id_: str) -> str:
        """What `talkmeter records --id` shows."""
        return self.metering.server.cli("records", "--org", self.hook.org_id, "--id", f"{self.hook.provider}:{id_}")

    def verified(self) -> bool:
        """Whether `talkmeter verify` finds nothing wrong."""
        return self.metering.differences(self.hook.org_id) == []


def agrees(said: dict[str, Any]) -> bool:
    """Whether an answer leaves nothing to do."""
    recordable = said["missing"] + said["other_length"] + said["open"] if said["recorded"] is None else 0
    return bool(recordable + said["extra"] + said["not_understood"] == 0)


@contextmanager
def reconciling(metering: MeteringServer, provider: str, org_id: str = "") -> Iterator[Reconciled]:
    """A connector of a stack, and its API."""
    rule = {"twilio": twilio, "vapi": vapi, "retell": retell}[provider]
    with serving(Stack(API_KEY if provider == "vapi" else KEY, rule)) as stack:
        yield Reconciled(metering, metering.connect(provider, KEY, org_id=org_id), stack)


def call(provider: str, number: int, seconds: int = 60, **changes: Any) -> Call:
    """A call of the day as its stack lists it: it began `number` hours after midnight."""
    start = MIDNIGHT.timestamp() + number * 3_600
    made = CALLS[provider](number, start, start + seconds)
    made.update(changes)
    return made


def id_of(made: Call) -> str:
    """The stack's own id of a call."""
    return str(made.get("sid") or made.get("call_id") or made["id"])


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


def _twilio_message(hook: Hook, made: Call) -> tuple[bytes, dict[str, str]]:
    fields = {
        "CallSid": made["sid"],
        "CallStatus": made["status"],
        "Direction": made["direction"],
        "Timestamp": made["end_time"] or made["start_time"],
        "CallDuration": made["duration"] or "0",
        "From": made["from"],
        "To": made["to"],
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "3",
    }
    if made["parent_call_sid"]:
        fields["ParentCallSid"] = made["parent_call_sid"]
    signed = hook.public_url + "".join(name + fields[name] for name in sorted(fields))
    signature = b64encode(hmac.digest(KEY.encode(), signed.encode(), "sha1")).decode()
    headers = {"X-Twilio-Signature": signature, "Content-Type": "application/x-www-form-urlencoded"}
    return urlencode(fields).encode(), headers


def _vapi_message(_hook: Hook, made: Call) -> tuple[bytes, dict[str, str]]:
    report = {"type": "end-of-call-report", "endedReason": made["endedReason"], "call": made}
    number = {"phoneNumber": {"number": "+13125550110"}}
    return json.dumps({"message": {**report, **number}}).encode(), {"X-Vapi-Secret": KEY}


def _retell_message(_hook: Hook, made: Call) -> tuple[bytes, dict[str, str]]:
    return _signed_by_retell({"event": "call_ended", "call": made})


def _signed_by_retell(message: dict[str, Any]) -> tuple[bytes, dict[str, str]]:
    body = json.dumps(message).encode()
    at = int(time.time()) * 1_000
    mac = hmac.digest(KEY.encode(), body + str(at).encode(), "sha256").hex()
    return body, {"X-Retell-Signature": f"v={at},d={mac}"}


MESSAGES: Final = {"twilio": _twilio_message, "vapi": _vapi_message, "retell": _retell_message}
