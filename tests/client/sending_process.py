"""A program that sends: `python -m tests.client.sending_process URL KEY SPOOL FIRST LAST [call]`.

It says on stdout which events it is about to send, a line each, and keeps its client open until it is killed or told
to end by the end of its stdin.
"""

import sys
from pathlib import Path

from tests.client.clients import QUICK, Make, call


def main() -> None:
    """Send events of the numbers FIRST to LAST, one by one."""
    url, key, spool, first, last = sys.argv[1:6]
    client = Make(url, Path(spool), key=key, limits=QUICK).of(sys.argv[6])
    say("open")
    for number in range(int(first), int(last)):
        say(str(number))
        client.send(call(number))
    say("sent")
    sys.stdin.read()
    client.close(60)


def say(line: str) -> None:
    """Tell whoever started the program."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
