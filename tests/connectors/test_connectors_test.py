"""`talkmeter connectors test`: whether a connector can be reached and its signature is accepted."""

import re
from collections.abc import Iterator
from subprocess import CalledProcessError
from typing import Final, NamedTuple

import pytest

from talkmeter import clock
from talkmeter.accounts.connectors import Connector, disable_connector, find_connector
from talkmeter.cli import connector_check
from talkmeter.cli.connector_check import check_connector
from talkmeter.db.engine import reading, writing
from talkmeter.errors import OperationFailed
from tests.connectors.front import Answer, Front, Handing, front, handed_on_to
from tests.connectors.metering_server import Hook, MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.servers import free_port, run_cli

PAGE: Final = b"<html>Welcome</html>"


class Reached(NamedTuple):
    """A server, and the proxy in front of it at the address that stacks are given."""

    meter: MeteringServer
    front: Front

    def through(self, handing: Handing) -> "Reached":
        """The same, with the proxy doing something else."""
        self.front.handing = handing
        return self

    def tried(self, hook: Hook, secret: str = "", url: str = "") -> str:
        """What the command would say of a connector; `secret` and `url` in place of the right ones."""
        return check_connector(connector(hook), url or self.front.url, secret or SIGNERS[hook.provider].secret)


def connector(hook: Hook) -> Connector:
    with reading(hook.metering.engine) as connection:
        found = find_connector(connection, hook.id)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reached]:
    with front() as standing, metering_server(tmp_path_factory.mktemp("reached"), public_url=standing.url) as meter:
        yield Reached(meter, standing)


@pytest.fixture
def reached(both: Reached) -> Reached:
    return both.through(handed_on_to(both.meter.server.url))


@pytest.mark.parametrize("name", [name for name in SIGNERS if name != "telnyx"])
def test_a_signed_message_to_the_public_address_is_accepted_and_not_counted(reached: Reached, name: str) -> None:
    hook = reached.meter.connect(name, SIGNERS[name].secret)

    said = reached.tried(hook)

    assert re.fullmatch(
        rf"{reached.front.url}{hook.path} answered 20[04] in \d+ ms: "
        r"the address is reached and the signature is accepted; nothing was counted\.",
        said,
    )
    assert hook.outcomes(1) == {"ignored": 1}
    assert hook.types_ignored() == ["talkmeter.test"]
    assert reached.meter.quarantined(hook.org_id) == []


@pytest.mark.parametrize("name", [name for name in SIGNERS if name != "telnyx"])
def test_another_secret_is_not_accepted(reached: Reached, name: str) -> None:
    hook = reached.meter.connect(name, SIGNERS[name].secret)
    another = "whsec_YW5vdGhlciBzZWNyZXQ=" if name == "signed" else "a wrong one"

    with pytest.raises(OperationFailed, match=r"answered 401 in \d+ ms: the signature is not accepted\.") as refused:
        reached.tried(hook, secret=another)
    assert f"Could not verify that this message came from {name}: " in refused.value.detail
    assert another not in refused.value.detail
    assert hook.outcomes(1) == {"rejected": 1}


def test_telnyx_is_reached_and_its_signature_cannot_be_tried(reached: Reached) -> None:
    said = reached.tried(reached.meter.connect("telnyx", SIGNERS["telnyx"].secret))
    assert said.endswith(
        " ms: the address is reached. The signature cannot be tested: only Telnyx can sign."
    )  # fmt: skip


def test_of_two_secrets_the_present_one_is_tried(reached: Reached) -> None:
    hook = reached.meter.connect("retell", "the second", "the first")
    assert "the signature is accepted" in reached.tried(hook, secret="the second")


def test_the_command_prints_the_sentence_and_ends_with_1_where_something_is_wrong(reached: Reached) -> None:
    server = reached.meter.server
    hook = reached.meter.connect("vapi", SIGNERS["vapi"].secret)
    assert "the signature is accepted; nothing was counted." in server.cli("connectors", "test", hook.id)

    nobody = f"http://127.0.0.1:{free_port()}"
    environment = {**server.environment, "TALKMETER_PUBLIC_URL": nobody}
    with pytest.raises(CalledProcessError, match=r"returned non-zero exit status 1\.") as refused:
        run_cli(server.folder, environment, "connectors", "test", hook.id)
    assert refused.value.stdout == ""
    assert refused.value.stderr.startswith(f"talkmeter: Cannot reach {nobody}{hook.path} (")
    assert "TALKMETER_PUBLIC_URL must be the address at which the provider reaches this server" in refused.value.stderr


def test_a_connector_that_is_disabled_is_not_tried(reached: Reached) -> None:
    hook = reached.meter.connect("n8n", SIGNERS["n8n"].secret)
    with writing(reached.meter.engine) as connection:
        disable_connector(connection, hook.id, clock.now())
    with pytest.raises(OperationFailed, match=r"is disabled and accepts no webhooks\."):
        reached.tried(hook)


def test_a_server_of_another_database_says_so(reached: Reached, tmp_path_factory: pytest.TempPathFactory) -> None:
    hook = reached.meter.connect("vapi", SIGNERS["vapi"].secret)
    with metering_server(tmp_path_factory.mktemp("another")) as another:
        reached.through(handed_on_to(another.server.url))
        with pytest.raises(
            OperationFailed, match=r"answered 404 .*it uses another TALKMETER_DATABASE_URL than this command"
        ):
            reached.tried(hook)


def moved(path: str, _: dict[str, str], __: bytes) -> Answer:
    return Answer(301, location=f"https://www.example.com{path}")


def body_rewritten(reached: Reached) -> Handing:
    def handing(path: str, headers: dict[str, str], body: bytes) -> Answer:
        return handed_on_to(reached.meter.server.url)(path, headers, body.replace(b":", b"="))

    return handing


WRONG: Final[dict[str, tuple[Handing, str]]] = {
    "another program, which has no such page": (
        lambda *_: Answer(404, PAGE),
        "answered 404 in .* another server answers there.*proxies must forward /metering/hooks",
    ),
    "another program, which has a page for everything": (
        lambda *_: Answer(200, PAGE),
        "answered 200 in .* another server answers there, not Talkmeter",
    ),
    "a proxy that sends elsewhere": (
        moved,
        "answered 301 .* redirects to 'https://www.example.com/.*, and providers do not follow redirects",
    ),
    "a proxy that asks for a password": (
        lambda *_: Answer(401, PAGE),
        "answered 401 .* a proxy in front of the server asks for credentials",
    ),
    "a proxy whose server is down": (
        lambda *_: Answer(502, PAGE),
        "answered 502 .* a proxy in front of the server cannot reach it",
    ),
    "a proxy that refuses with a problem of its own": (
        lambda *_: Answer(429, b'{"detail":', "application/problem+json"),
        "answered 429 .* another server answers there, not Talkmeter",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", ["vapi", "telnyx"])
def test_what_stands_in_the_way_is_told(reached: Reached, name: str, wrong: str) -> None:
    handing, sentence = WRONG[wrong]
    hook = reached.through(handing).meter.connect(name, SIGNERS[name].secret)
    with pytest.raises(OperationFailed, match=sentence) as refused:
        reached.tried(hook)
    assert refused.value.detail.endswith(".")


def test_a_proxy_that_changes_bodies_is_told(reached: Reached) -> None:
    hook = reached.through(body_rewritten(reached)).meter.connect("elevenlabs", SIGNERS["elevenlabs"].secret)
    with pytest.raises(OperationFailed, match="proxies must not change the body or headers"):
        reached.tried(hook)


def hanging(*_: object) -> Answer:
    raise TimeoutError


def test_an_address_that_does_not_answer_in_time_is_told(reached: Reached, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector_check, "TIMEOUT_SEC", 0.2)
    hook = reached.through(hanging).meter.connect("vapi", SIGNERS["vapi"].secret)
    with pytest.raises(OperationFailed, match=r"did not answer within 0\.2 seconds: .* firewalls and proxies"):
        reached.tried(hook)


def test_a_name_that_nobody_has_is_told(reached: Reached) -> None:
    hook = reached.meter.connect("vapi", SIGNERS["vapi"].secret)
    with pytest.raises(
        OperationFailed, match=r"^Cannot reach http://nobody\.invalid/metering/.* \(.*TALKMETER_PUBLIC_URL"
    ):
        reached.tried(hook, url="http://nobody.invalid")


@pytest.mark.parametrize("secret", ["with a line\nbreak", "blank at its end ", "смысл", "\x00"])
def test_a_secret_that_no_header_can_carry_is_refused_without_showing_it(reached: Reached, secret: str) -> None:
    hook = reached.meter.connect("n8n", secret)
    with pytest.raises(OperationFailed, match="cannot be sent in a header") as refused:
        reached.tried(hook, secret=secret)
    assert secret not in refused.value.detail


def test_a_secret_with_letters_of_latin_1_is_sent_as_it_is(reached: Reached) -> None:
    assert "is accepted" in reached.tried(reached.meter.connect("n8n", "garçon"), secret="garçon")
