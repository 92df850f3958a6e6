"""The commands of docs/how-to/backup-and-restore.md make a copy that has the same figures."""

import json
from pathlib import Path

from tests.docs.documents import read
from tests.docs.shell import run_steps
from tests.events import conversation

BACK_UP = read("docs/how-to/backup-and-restore.md").section("Back up")


def test_backup_is_verified_and_has_the_same_figures(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_text(json.dumps(conversation(organization_id="acme")) + "\n")
    back_up, with_sqlite3, verify = BACK_UP.blocks("sh")
    summary = "talkmeter summary --org acme --from 2026-03-01 --to 2026-03-02 --json"
    from_backup = f"TALKMETER_DATABASE_URL=sqlite:///backup.db {summary}"
    _, _, verified, *figures = run_steps(
        ["talkmeter orgs add acme; talkmeter ingest events.jsonl", back_up, verify, summary, from_backup], tmp_path, {}
    )

    assert with_sqlite3.startswith("sqlite3 ")
    assert verified.startswith("1 organization verified")
    assert json.loads(figures[0]) == json.loads(figures[1])
    assert json.loads(figures[0])["total_calls"] == 1
