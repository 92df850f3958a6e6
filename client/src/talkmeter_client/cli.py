"""`talkmeter-spool`: show what a spool holds, send it, or drop what the server rejected."""

import argparse
import os
import sys
from pathlib import Path
from typing import Final

from talkmeter_client.errors import ClientError, WrongUse, quoted
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
    waiting, organization, reasons = spool.waiting(), spool.organization, spool.reasons()
    spool.close()
    whose = f" for organization {quoted(organization)}" if organization else ""
    print(f"{_events(waiting.events, 'wait')} to be sent{whose} ({waiting.bytes:,} bytes).")
    for events, _status, sentence in reasons:
        print(f"{_events(events, 'be')} set aside, because the server answered {sentence}")
    return 0


def _send(path: Path, options: argparse.Namespace) -> int:
    url, key = os.environ.get("TALKMETER_URL"), os.environ.get("TALKMETER_KEY")
    if not url or not key:
        raise WrongUse(f"The server or the key is missing. {_EPILOG}")
    spool = Spool(path, Limits(), key_hash="")
    organization = spool.organization or None
    spool.close()
    with Client(url, key, spool=path, organization=organization, limits=Limits(close_sec=0.1)) as client:
        client.send_set_aside()
        client.flush(options.timeout)
        left = client.waiting()
    if left.events or left.set_aside:
        return 1  # the client has logged what it left, and why
    print("All events are sent.")
    return 0


def _drop(path: Path, options: argparse.Namespace) -> int:
    spool = Spool(path, Limits(), key_hash="")
    events = spool.waiting().set_aside
    if events and not options.yes:
        print(f"{_events(events, 'be')} set aside and not counted. Delete them? [y/N] ", end="", flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return 1
    print(f"{_events(spool.drop_set_aside(), 'have')} been deleted.")
    spool.close()
    return 0


def _events(number: int, verb: str) -> str:
    singular, plural = _VERBS[verb]
    return f"{number:,} event {singular}" if number == 1 else f"{number:,} events {plural}"


_VERBS: Final = {"wait": ("waits", "wait"), "be": ("is", "are"), "have": ("has", "have")}
_COMMANDS: Final = {"show": _show, "send": _send, "drop": _drop}
