"""A program that sends events: `python -m tests.client.sending_process URL KEY SPOOL FIRST LAST KIND`.

It prints the number of each event before it sends it, one per line, and keeps its client open until it is killed or its
stdin is closed.
"""

import sys
from pathlib import Path

from tests.client.clients import QUICK, Factory, call


def main() -> None:
    """Send the events FIRST to LAST - 1, one by one."""
    url, key, spool, first, last = sys.argv[1:6]
    client = Factory(url, Path(spool), key=key, limits=QUICK).open(sys.argv[6])
    print_line("open")
    for number in range(int(first), int(last)):
        print_line(str(number))
        client.send(call(number))
    print_line("sent")
    sys.stdin.read()
    client.close(60)


def print_line(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
