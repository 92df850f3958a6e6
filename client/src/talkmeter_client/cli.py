"""`talkmeter-spool`: show what a spool holds, send it, or drop what the server rejected."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from talkmeter_client.errors import ClientError, quoted
from talkmeter_client.limits import Limits
from talkmeter_client.spool import Spool
from talkmeter_client.sync import Client

_EPILOG: Final = "TALKMETER_URL is the address of the server, and TALKMETER_KEY the key to send with."


def main() -> None:
    """Run the command line; exit with 1 and a sentence if the command fails."""
    options = _parser().parse_args()
    path = Path(options.spool)
    if not path.is_file():
        sys.exit(f"Error: {quoted(options.spool)} does not exist.")
    try:
        sys.exit(_COMMANDS[options.command](path, options))
    except ClientError as error:
        sys.exit(f"Error: {error.detail}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="talkmeter-spool", description="Show, send or drop the events in a spool of talkmeter-client."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="show how many events wait or are set aside, and why")
    send = commands.add_parser(
        "send", help="send all events, also those set aside; wait for the answers", epilog=_EPILOG
    )
    send.add_argument("--timeout", type=float, default=60, help="seconds to wait for the server (default: 60)")
    drop = commands.add_parser("drop", help="delete the events that are set aside")
    drop.add_argument("--yes", action="store_true", help="do not ask")
    for command in (show, send, drop):
        command.add_argument("spool", help="the file of the spool")
    return parser


def _show(path: Path, _: argparse.Namespace) -> int:
    spool = Spool(path, Limits(), key_hash="")
    waiting = spool.waiting()
    whose = f" for organization {quoted(spool.organization)}" if spool.organization else ""
    print(f"{waiting.events} events wait to be sent{whose} ({waiting.bytes:,} bytes).")
    print(
        f"{waiting.set_aside} events are set aside, because the server rejected them{':' if waiting.set_aside else '.'}"
    )
    for events, _status, sentence in spool.reasons():
        print(f"  {events}x  {sentence}")
    spool.close()
    return 0


def _send(path: Path, options: argparse.Namespace) -> int:
    url, key = os.environ.get("TALKMETER_URL"), os.environ.get("TALKMETER_KEY")
    if not url or not key:
        raise ClientError(f"The server or the key is missing. {_EPILOG}")
    spool = Spool(path, Limits(), key_hash="")
    organization = spool.organization or None
    spool.close()
    with Client(url, key, spool=path, organization=organization, limits=Limits(close_sec=0.1)) as client:
        client.send_set_aside()
        events = client.waiting().events
        client.flush(options.timeout)
        left = client.waiting()
    print(f"The server accepted {events - left.events - left.set_aside} of {events} events.")
    return 1 if left.events or left.set_aside else 0


def _drop(path: Path, options: argparse.Namespace) -> int:
    spool = Spool(path, Limits(), key_hash="")
    events = spool.waiting().set_aside
    if events and not options.yes:
        print(f"Delete {events} events that the server rejected? They are not counted. [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise ClientError("Nothing was deleted.")
    print(f"Deleted {spool.drop_set_aside()} events.")
    spool.close()
    return 0


_COMMANDS: Final = {"show": _show, "send": _send, "drop": _drop}
