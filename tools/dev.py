"""Run the demo server and Vite's development server, which reloads the page when dashboard/ changes.

Run by ``make dev``. The demo prints a sign-in link to Vite. Ctrl-C stops both servers.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VITE_PORT = "5173"
SERVER_PORT = "8000"


def main(arguments: list[str]) -> int:
    """Run both servers until one of them exits."""
    server_environ = {**os.environ, "TALKMETER_PUBLIC_URL": f"http://127.0.0.1:{VITE_PORT}"}
    vite_environ = {**os.environ, "TALKMETER_PUBLIC_URL": f"http://127.0.0.1:{SERVER_PORT}"}
    talkmeter = str(Path(sys.executable).with_name("talkmeter"))
    vite = ["run", "dev", "--", "--host", "127.0.0.1", "--port", VITE_PORT, "--strictPort", "--clearScreen", "false"]
    programs = [
        subprocess.Popen([talkmeter, "demo", "--port", SERVER_PORT, *arguments], env=server_environ),
        subprocess.Popen([sys.executable, str(ROOT / "hatch_build.py"), "npm", *vite], env=vite_environ),
    ]
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while all(program.poll() is None for program in programs):
            time.sleep(0.2)
    except KeyboardInterrupt:
        return 0
    else:
        return 1
    finally:
        for program in programs:
            program.terminate()
        for program in programs:
            program.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
