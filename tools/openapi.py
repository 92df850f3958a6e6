"""Write dashboard/openapi.json, the API description from which the page's types are generated.

Run by ``make openapi``. A test fails if the file is out of date.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from talkmeter.api.app import make_app
from talkmeter.settings import default_settings

OPENAPI = Path(__file__).resolve().parent.parent / "dashboard" / "openapi.json"


def description() -> str:
    """Return the content of the file, indented, so that diffs are small, in the order of /openapi.json."""
    schema = make_app(default_settings()).openapi_schema.to_schema()
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main() -> int:
    """Write the file."""
    OPENAPI.write_text(description(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
