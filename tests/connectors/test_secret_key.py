"""TALKMETER_SECRET_KEY: a key that is missing or wrong is reported, and an old one can be retired."""

import time
from base64 import b64encode
from pathlib import Path
from subprocess import CalledProcessError

import pytest

from talkmeter.accounts.connectors import SecretBox
from talkmeter.db.engine import reading, writing
from talkmeter.notify.webhooks import decrypt_secret, list_all_webhooks, set_webhook
from tests import local_http
from tests.cli_runner import run_cli_in_process
from tests.connectors.metering_server import SECRET_KEY, Hook, MeteringServer, metering_server
from tests.connectors.signing import SIGNERS
from tests.servers import Server, free_port, run_cli

NEW_KEY = b64encode(b"n" * 32).decode()


def add_hook(folder: Path) -> Hook:
    """Return a new connector whose secret is encrypted with SECRET_KEY, in the folder's database."""
    with metering_server(folder) as meter:
        return meter.connect("vapi", SIGNERS["vapi"].secret)


def in_(meter: MeteringServer, hook: Hook) -> Hook:
    """Return the same connector on another server."""
    return hook._replace(metering=meter)


def post(hook: Hook) -> int:
    """Send a webhook with the provider's signature; return the status."""
    body = b'{"message": {"type": "talkmeter.test"}}'
    signature = SIGNERS["vapi"].sign(hook.public_url, body, int(time.time()))
    return local_http.post(hook.url, content=body, headers=signature).status_code


def locked_connectors(server: Server) -> list[str]:
    """Return the number of connectors without a usable secret, by readiness and by metrics."""
    ready = local_http.get(f"{server.url}/health/ready").json()["locked_connectors"]
    metrics = local_http.get(f"{server.url}/metrics").text.splitlines()
    return [str(ready), *(line.split()[1] for line in metrics if line.startswith("talkmeter_locked_connectors "))]


@pytest.mark.parametrize(("key", "problem"), [(NEW_KEY, "does not decrypt"), ("", "is not set; it decrypts")])
def test_wrong_or_missing_key_is_reported_at_the_start(tmp_path: Path, key: str, problem: str) -> None:
    hook = add_hook(tmp_path)
    with metering_server(tmp_path, secret_key=key) as meter:
        assert f"Warning: TALKMETER_SECRET_KEY {problem} the secrets of connector {hook.id}." in meter.server.log()
        assert locked_connectors(meter.server) == ["1", "1.0"]

        answer = local_http.post(in_(meter, hook).url, content=b"{}")
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "60"
        assert answer.json()["detail"] == (
            "The webhook cannot be verified now; retry later. The reason is in the server's log."
        )


@pytest.mark.parametrize("key", ["short", f"{SECRET_KEY},", f"{SECRET_KEY};{NEW_KEY}", "ключ"])
def test_malformed_key_stops_the_start(tmp_path: Path, key: str) -> None:
    with pytest.raises(CalledProcessError, match="exit status 1") as failed:
        run_cli(tmp_path, {"TALKMETER_SECRET_KEY": key, "LC_ALL": "C.UTF-8"}, "serve", "--port", str(free_port()))
    assert failed.value.stderr == (
        "talkmeter: TALKMETER_SECRET_KEY must be 32 bytes in base64, as 'openssl rand -base64 32' prints them, "
        "or several such keys with a comma between them.\n"
    )


def test_old_key_is_not_needed_after_reencrypt(tmp_path: Path) -> None:
    hook = add_hook(tmp_path)
    with metering_server(tmp_path, secret_key=f"{NEW_KEY},{SECRET_KEY}") as meter:
        assert post(in_(meter, hook)) == 200
        commands = [meter.server.cli("connectors", "reencrypt").splitlines() for _ in range(2)]
        assert commands == [
            [
                f"Encrypted again: {changed} of 1 connectors.",
                "The first key decrypts all secrets; the others are not needed any more.",
            ]
            for changed in (1, 0)
        ]
        assert post(in_(meter, hook)) == 200
    with metering_server(tmp_path, secret_key=NEW_KEY) as meter:
        assert post(in_(meter, hook)) == 200
        assert locked_connectors(meter.server) == ["0", "0.0"]


def test_reencrypt_names_connectors_that_no_key_decrypts(tmp_path: Path) -> None:
    hook = add_hook(tmp_path)
    with (
        metering_server(tmp_path, secret_key=NEW_KEY) as meter,
        pytest.raises(CalledProcessError, match="exit status 1") as failed,
    ):
        meter.server.cli("connectors", "reencrypt")
    assert failed.value.stdout == "Encrypted again: 0 of 1 connectors.\n"
    first, last = failed.value.stderr.splitlines()
    assert first.startswith(f"The secrets of connector {hook.id} were encrypted with another TALKMETER_SECRET_KEY, or")
    assert last == "talkmeter: Not all secrets could be decrypted: see above. Keep the old keys."


def test_connector_whose_key_is_lost_gets_a_new_secret(tmp_path: Path) -> None:
    hook = add_hook(tmp_path)
    with metering_server(tmp_path, secret_key=NEW_KEY) as meter:
        environment = {**meter.server.environment, "SECRET": SIGNERS["vapi"].secret}
        printed = run_cli_in_process(tmp_path, environment, "connectors", "rotate", hook.id, "--secret-env", "SECRET")
        assert printed == "The new secret is valid. The previous one could not be decrypted and is not valid any more."
        assert post(in_(meter, hook)) == 200
        assert locked_connectors(meter.server) == ["0", "0.0"]


def test_reencrypt_covers_the_secrets_of_outgoing_webhooks(tmp_path: Path) -> None:
    add_hook(tmp_path)
    old, new = SecretBox(SECRET_KEY), SecretBox(NEW_KEY)
    with metering_server(tmp_path, secret_key=f"{NEW_KEY},{SECRET_KEY}") as meter:
        with writing(meter.engine) as connection:
            secret = set_webhook(connection, old, "acme", "wh", "https://example.com/", 0)

        first, second = (meter.server.cli("connectors", "reencrypt").splitlines() for _ in range(2))
        assert first[1] == "Encrypted again: 1 of 1 webhooks."
        assert second[1] == "Encrypted again: 0 of 1 webhooks."
        with reading(meter.engine) as connection:
            (webhook,) = list_all_webhooks(connection)
        assert decrypt_secret(new, webhook) == secret
