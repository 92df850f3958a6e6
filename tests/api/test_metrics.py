"""`/metrics`: what monitoring needs, over restarts and workers, and who may read it."""

import re
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from talkmeter import __version__
from tests import local_http
from tests.connectors.metering_server import metering_server
from tests.events import conversation
from tests.servers import Server, running_server, wait_until

TOKEN = "a-token-of-24-characters"
THROUGH_PROXY = {"X-Forwarded-For": "203.0.113.7"}
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(server: Server) -> Samples:
    """Return the values by name and labels."""
    families = text_string_to_metric_families(local_http.get(f"{server.url}/metrics").text)
    return {
        (sample.name, (*sorted(sample.labels.items()),)): sample.value for one in families for sample in one.samples
    }


def test_newest_event_and_build_are_shown_also_after_a_restart(tmp_path: Path) -> None:
    before = time.time()
    with running_server(tmp_path) as server:
        assert ("talkmeter_newest_event_timestamp_seconds", ()) not in samples_of(server)
        headers = {"Authorization": f"Bearer {server.key('acme')}"}
        local_http.post(f"{server.url}/metering/events", json=[conversation()], headers=headers).raise_for_status()
    with running_server(tmp_path) as server:
        samples = samples_of(server)

    assert before <= samples["talkmeter_newest_event_timestamp_seconds", ()] <= time.time()
    assert samples["talkmeter_build_info", (("database", "sqlite"), ("version", __version__))] == 1
    assert samples["talkmeter_database_up", ()] == 1


def test_each_connector_has_its_last_message_and_its_rejected_messages(tmp_path: Path) -> None:
    with metering_server(tmp_path) as running:
        hook = running.connect("vapi", "a secret of the connector")
        assert local_http.post(hook.url, content=b"{}").status_code == 401
        samples = samples_of(running.server)

        connector = ("connector", hook.url.rpartition("/")[2])
        labels = (connector, ("provider", "vapi"))
        assert samples["talkmeter_connector_messages_total", (connector, ("outcome", "rejected"))] == 1
        assert ("talkmeter_connector_last_message_timestamp_seconds", labels) not in samples
        assert samples["talkmeter_connector_last_rejected_timestamp_seconds", labels] > time.time() - 300

        ignored = {"message": {"type": "status-update", "status": "queued"}}
        sent = local_http.post(hook.url, json=ignored, headers={"X-Vapi-Secret": "a secret of the connector"})
        sent.raise_for_status()
        last_message = ("talkmeter_connector_last_message_timestamp_seconds", labels)
        # The outcome is stored after the response.
        wait_until(lambda: last_message in samples_of(running.server))

        assert samples_of(running.server)[last_message] > time.time() - 300


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_queries_and_connections_are_shown_for_all_workers(tmp_path: Path, workers: int) -> None:
    with running_server(tmp_path, workers=str(workers)) as server:
        headers = {"Authorization": f"Bearer {server.key('acme')}"}
        local_http.get(f"{server.url}/admin/usage/summary", headers=headers).raise_for_status()
        samples = samples_of(server)

    memory = [value for (name, _), value in samples.items() if name == "process_resident_memory_bytes"]
    assert len(memory) == workers
    assert min(memory) > 10_000_000
    assert samples["talkmeter_queries", (("state", "running"),)] == 0
    assert samples["talkmeter_queries", (("state", "waiting"),)] == 0
    # The request for the metrics reads the database itself.
    assert samples["talkmeter_database_connections", ()] <= 1


def test_other_machines_need_the_token(tmp_path: Path) -> None:
    def status(**headers: str) -> int:
        return local_http.get(f"{server.url}/metrics", headers={**THROUGH_PROXY, **headers}).status_code

    with running_server(tmp_path, metrics_token=TOKEN) as server:
        assert status() == 403
        assert status(Authorization=f"Bearer {TOKEN}x") == 403
        assert status(Authorization="Bearer") == 403
        assert status(Authorization=f"Bearer {TOKEN}") == 200
        assert local_http.get(f"{server.url}/metrics").status_code == 200
        assert not re.search(TOKEN, server.cli("settings"))
