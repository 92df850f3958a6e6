"""Turn the calls of a bank's call centre into CloudEvents, one a line, for `talkmeter ingest` or POST /metering/events.

    python examples/bank_calls.py FILE [--organization ORG] > calls.jsonl

FILE is tab-separated with a header, one line a call, as the Technion published it: `vru+line`, `call_id`, `date`
(YYMMDD), `vru_entry` (H:MM:SS), `vru_time`, `q_time`, `ser_time` (seconds), `outcome`, `server` and more. Needs the
standard library only. Without --organization, send the events with a key of the organization they belong to.
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
    parser = argparse.ArgumentParser(description="Turn a call centre's calls into CloudEvents, one a line.")
    parser.add_argument("file", type=Path, help="tab-separated calls with a header")
    parser.add_argument("--organization", metavar="ORG", help="whose calls they are; needed with a sender key")
    arguments = parser.parse_args()
    with arguments.file.open(encoding="ascii", newline="") as file:
        for call in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            json.dump(event_of(call, arguments.organization), sys.stdout, separators=(",", ":"))
            print()


def event_of(call: dict[str, str], organization: str | None) -> dict[str, object]:
    """One call as one event. Sent again it is the same event, so it is never counted twice."""
    began = datetime.strptime(f"{call['date']} {call['vru_entry']}", "%y%m%d %H:%M:%S").replace(tzinfo=UTC)
    # Time in the voice unit, in the queue and with the agent; a negative vru_time is made up for by a longer q_time.
    ended = began + timedelta(seconds=sum(int(call[part]) for part in ("vru_time", "q_time", "ser_time")))
    # A call_id comes again on other lines and on other days.
    id = f"{call['date']}-{call['vru+line']}-{call['call_id']}"
    data = {
        "id": id,
        "channel": "telephone",
        "direction": "inbound",
        "status": STATUS[call["outcome"]],
        "created_at": f"{began:%Y-%m-%dT%H:%M:%SZ}",
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
