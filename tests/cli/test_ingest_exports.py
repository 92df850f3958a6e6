"""An export of one ledger is ingested into another by a map, with equal records."""

import pytest

from tests.cli.terminal import Terminal
from tests.events import conversation

RECORDS = (
    "SELECT id, channel, direction, status, created_at, duration_ms, modality, agent_id, agent_number "
    "FROM conversation ORDER BY id"
)


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_export_of_one_ledger_is_ingested_into_another(
    terminal: Terminal, tmp_path_factory: pytest.TempPathFactory, format_: str
) -> None:
    calls = [
        conversation("a", organization_id="acme", duration=None, agent_number="+13125550110"),
        conversation("b", organization_id="acme", duration=90.123, channel="webrtc", modality="voice", agent_id="ann"),
        conversation("c", organization_id="acme", created_at="2026-03-01T11:59:00.000001Z", direction="outbound"),
    ]
    terminal.run("ingest", terminal.file("calls.jsonl", *calls))
    other = Terminal(tmp_path_factory.mktemp("other"))
    window = ("--from", "2026-03-01", "--to", "2026-03-02")
    name = f"calls.{format_}"
    export = ("--of", "records", "--format", format_, *window, "--output", str(other.folder / name))
    terminal.run("export", "--org", "acme", *export)
    (other.folder / "map.toml").write_text(
        """
        [event]
        type = "conversation.updated"
        source = "/export"
        time = "created_at"
        [data]
        id = "id"
        channel = "channel"
        direction = "direction"
        status = "status"
        created_at = "created_at"
        duration = { column = "duration_ms", unit = "milliseconds" }
        modality = "modality"
        agent_id = "agent_id"
        agent_number = "agent_number"
        """
    )

    assert other.run("ingest", "--map", "map.toml", "--org", "acme", name).startswith("3 rows: 3 accepted, ")

    assert other.rows(RECORDS) == terminal.rows(RECORDS)
