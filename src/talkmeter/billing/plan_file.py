"""Reads and writes files of plans (TOML); an error names the file and the line."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Final, NamedTuple

import msgspec

from talkmeter.billing.plan import PlanContent
from talkmeter.billing.read_plan import Path, PlanError, check_plan_id, read_plan
from talkmeter.errors import OperationFailed, quoted

MAX_FILE_BYTES: Final = 1_000_000
_TOML_LINE: Final = re.compile(r"\(at line ([0-9]+), column [0-9]+\)")
_HEADER: Final = re.compile(r"\s*\[{1,2}\s*([^\]]*?)\s*\]{1,2}\s*(?:#.*)?")


class PlanFile(NamedTuple):
    """The plans of a file by id, and the plan of organizations without an assignment; None: not in the file."""

    plans: dict[str, PlanContent]
    default_plan: str | None


def read_plan_file(file: FilePath) -> PlanFile:
    """Read the plans of a file. Raises OperationFailed with the file, the line and what is allowed."""
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise OperationFailed(f"{file} cannot be read: {error.strerror}.") from None
    if len(raw) > MAX_FILE_BYTES:
        raise OperationFailed(f"{file} is larger than {MAX_FILE_BYTES:,} bytes.")
    try:
        text = raw.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        raise OperationFailed(f"{file} is not UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        line = _TOML_LINE.search(str(error))
        sentence = _TOML_LINE.sub("", str(error)).strip().rstrip(".")
        raise OperationFailed(f"{file}:{line[1] if line else '1'}: This is not TOML: {sentence}.") from None
    try:
        return _read_document(document)
    except PlanError as error:
        raise OperationFailed(f"{file}:{line_of(text, error.path)}: {error.sentence}") from None


def _read_document(document: dict[str, object]) -> PlanFile:
    for name in document:
        if name not in ("default_plan", "plans"):
            raise PlanError((name,), f"Unknown field {quoted(name)}. Allowed: default_plan, plans.")
    plans = document.get("plans", {})
    if not isinstance(plans, dict):
        raise PlanError(("plans",), "'plans' must be a table of plans, such as [plans.smb].")
    read = {
        check_plan_id(plan_id, ("plans", plan_id)): read_plan(plan, ("plans", plan_id))
        for plan_id, plan in plans.items()
    }
    default = document.get("default_plan")
    if default is not None and not isinstance(default, str):
        raise PlanError(("default_plan",), f"'default_plan' must be the id of a plan, not {default!r:.60}.")
    return PlanFile(read, default)


def write_plan(plan_id: str, content: PlanContent) -> str:
    """Return a plan as TOML, as `read_plan_file` reads it."""
    fields = msgspec.to_builtins(content)
    charges = fields.pop("charges", ())
    lines = [f"[plans.{plan_id}]", *(f"{name} = {_toml(value)}" for name, value in fields.items())]
    for charge in charges:
        lines += ["", f"[[plans.{plan_id}.charges]]", *(f"{name} = {_toml(value)}" for name, value in charge.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    """Return a text, table or list of a plan as an inline value of TOML."""
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{name} = {_toml(one)}" for name, one in value.items()) + " }"
        case str():
            # A text of JSON is one of TOML: both escape in the same way.
            return msgspec.json.encode(value).decode()
        case Sequence():
            return "[" + ", ".join(map(_toml, value)) + "]"
        case _:
            message = f"{value!r} is not part of a plan"
            raise TypeError(message)


def line_of(text: str, path: Path) -> int:
    """Return the line of a place in a TOML text: that of its field, else that of the table it belongs to."""
    in_charge = len(path) > 3 and isinstance(path[3], int)
    depth = 4 if in_charge else 2 if len(path) > 1 else 0
    table = ".".join(str(part) for part in path[:depth] if isinstance(part, str))
    wanted = int(path[3]) if in_charge else 0
    field = re.compile(rf'\s*"?{re.escape(str(path[depth]))}"?\s*=') if len(path) > depth else None
    line, inside, seen = 1, not table, -1
    for number, content in enumerate(text.splitlines(), start=1):
        if header := _HEADER.fullmatch(content):
            is_table = re.sub(r'[\s"]', "", header[1]) == table
            seen += is_table
            inside = is_table and seen == wanted
            line = number if inside else line
        elif inside and field is not None and field.match(content):
            return number
    return line
