"""Reads and writes files of plans (TOML); an error names the file and the line."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path as FilePath
from typing import Final, NamedTuple

import msgspec

from talkmeter.billing.plan import PlanContent
from talkmeter.billing.read_plan import Path, PlanError, check_plan_id, read_plan, shown
from talkmeter.errors import OperationFailed, quoted

MAX_FILE_BYTES: Final = 1_000_000
_TOML_LINE: Final = re.compile(r"\(at line ([0-9]+), column [0-9]+\)")
_HEADER: Final = re.compile(r"\s*(\[{1,2})([^\]]*)\]{1,2}\s*(?:#.*)?")
_NAME: Final = re.compile(r"""[^.\s"']+|"[^"]*"|'[^']*'""")


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
    except (ValueError, RecursionError) as error:  # ValueError: also an integer of more than 4,300 digits
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
        raise PlanError(("default_plan",), f"'default_plan' must be the id of a plan, not {shown(default)}.")
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
    """Return the line of a place in a TOML text: that of its field, else that of the innermost table around it."""
    line, depth, indexes = 1, 0, dict[Path, int]()
    table: Path = ()
    for number, content in enumerate(text.split("\n"), start=1):
        if header := _HEADER.fullmatch(content):
            table = _table_of(header, indexes)
            if table == path[: len(table)] and len(table) >= depth:
                line, depth = number, len(table)
        elif table == path[: len(table)] and len(table) < len(path):
            name = re.escape(str(path[len(table)]))
            if re.match(rf"""\s*["']?{name}["']?\s*[.=]""", content):
                return number
    return line


def _table_of(header: re.Match[str], indexes: dict[Path, int]) -> Path:
    """Return the path of a header; `indexes` has the number of the latest table of each list of tables."""
    path: Path = ()
    names = [name.strip("\"'") for name in _NAME.findall(header[2])]
    for place, name in enumerate(names, start=1):
        path = (*path, name)
        if place == len(names) and header[1] == "[[":
            indexes[path] = indexes.get(path, -1) + 1
        if path in indexes:
            path = (*path, indexes[path])
    return path
