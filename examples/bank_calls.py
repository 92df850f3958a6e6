"""Convert the calls of a bank's call center to CloudEvents as JSON lines, for `talkmeter ingest`.

    python examples/bank_calls.py FILE [--organization ORG] > calls.jsonl

FILE has one call per line and a header, separated by tabs, as the Technion published it: `vru+line`, `call_id`, `date`
(YYMMDD), `vru_entry` (H:MM:SS), `vru_time`, `q_time`, `ser_time` (seconds), `outcome`, `server` and other columns. It
needs only the standard library. Without --organization, send the events to POST /metering/events with a key of the
organization.
"""

import argparse
import csv
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOURCE = "/examples/bank-calls"
STATUS = {"AGENT": "completed", "HANG": "unanswered", "PHANTOM": "failed"}


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert a call center's calls to CloudEvents as JSON lines.")
    parser.add_argument("file", type=Path, help="tab-separated calls with a header")
    parser.add_argument(
        "--organization",
        metavar="ORG",
        help="the organization of the calls; talkmeter ingest and sender keys require it",
    )
    arguments = parser.parse_args()
    with arguments.file.open(encoding="ascii", newline="") as file:
        for call in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            json.dump(call_event(call, arguments.organization), sys.stdout, separators=(",", ":"))
            print()


def call_event(call: dict[str, str], organization: str | None) -> dict[str, object]:
    """Return the event of a call. The same row always gives the same event, so it is never counted twice."""
    started = datetime.strptime(f"{call['date']} {call['vru_entry']}", "%y%m%d %H:%M:%S").replace(tzinfo=UTC)
    # Time in the voice unit, in the queue and with the agent. A negative vru_time has a longer q_time.
    ended = started + timedelta(seconds=sum(int(call[part]) for part in ("vru_time", "q_time", "ser_time")))
    # A call_id repeats on other lines and on other days.
    id = f"{call['date']}-{call['vru+line']}-{call['call_id']}"
    data = {
        "id": id,
        "channel": "telephone",
        "direction": "inbound",
        "status": STATUS[call["outcome"]],
        "created_at": f"{started:%Y-%m-%dT%H:%M:%SZ}",
        "duration": int(call["ser_time"]),
        "agent_id": None if call["server"] == "NO_SERVER" else call["server"],
        "agent_number": call["vru+line"],
    }
    return {
        "specversion": "1.0",
        "id": f"{id}-ended",
        "source": SOURCE,
        "type": "conversation.updated",
        "time": f"{ended:%Y-%m-%dT%H:%M:%SZ}",
        "data": {"organization_id": organization, **data} if organization else data,
    }


if __name__ == "__main__":
    main()
