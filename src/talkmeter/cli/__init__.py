"""The command line: one thin file per command group."""

import os
import sys


def main() -> None:
    """Run a command; Ctrl-C ends it with one sentence, also while it starts."""
    # Every file contains usage, rejected rows or hashes of credentials, so no other user may read it.
    os.umask(0o077)
    try:
        from talkmeter.cli.commands import run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("talkmeter: interrupted.\n")
        sys.exit(130)
