"""Write dashboard/openapi.json: the description of the API that the page's types are made from.

Run by ``make openapi``; a test says when it is due.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from talkmeter.api.app import make_app
from talkmeter.settings import default_settings

OPENAPI = Path(__file__).resolve().parent.parent / "dashboard" / "openapi.json"


def description() -> str:
    """The file's text: sorted and indented, so that a change shows as the few lines it is."""
    schema = make_app(default_settings()).openapi_schema.to_schema()
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file."""
    OPENAPI.write_text(description(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
