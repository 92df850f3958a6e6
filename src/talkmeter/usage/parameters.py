"""Parse query parameters, as strings, into windows, filters and breakdown queries.

The API and the command line both use this module, so they accept and reject the same parameters.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

from talkmeter.counting import DIMENSIONS, Dimension
from talkmeter.errors import Unprocessable, quoted
from talkmeter.period import MICROSECONDS_PER_DAY, Window, format_day, format_instant, read_day
from talkmeter.records import INVENTORY_KINDS, UNCOUNTED_STATUS, Kind, closed_sets
from talkmeter.usage.breakdown_answers import ORDERS
from talkmeter.usage.breakdown_query import MAX_ROWS, ROWS, BreakdownOptions, check_filter, check_order, default_order
from talkmeter.usage.compare import MODES, Mode
from talkmeter.usage.dimensions import SPLITS, By
from talkmeter.usage.filtered import VALUE_FILTERS, ValueFilter
from talkmeter.usage.filters import Filter
from talkmeter.usage.intervals import DAY_INTERVALS, INTERVALS, Interval
from talkmeter.usage.inventory import ItemFilter
from talkmeter.usage.records import MAX_RECORDS, RECORDS

Parameters = Mapping[str, str]
Choice = TypeVar("Choice", bound=str)

RECORD_KINDS: Final = (Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION)
FILTERS: Final[dict[str, tuple[Kind, Dimension]]] = {
    name: (SPLITS[name].kind, name) for name in DIMENSIONS if name not in ("status", "run_status")
}
"""The filter parameters by dimension, with the record kind; `status`, which both kinds have, is read separately."""


def _allowed_values(name: Dimension) -> tuple[str, ...]:
    field = SPLITS[name].column.name
    values = closed_sets(SPLITS[name].kind).get(field, ())
    return tuple(sorted(set(values) - {UNCOUNTED_STATUS})) if field == "status" else values


VALUES: Final[dict[Dimension, tuple[str, ...]]] = {
    name: values for name in DIMENSIONS if (values := _allowed_values(name))
}
"""The closed sets of values; the status of uncounted conversations is not included."""
MAX_SEARCH_LENGTH: Final = 200
_FLAGS: Final = {"true": True, "false": False}


def read_choice(name: str, text: str | None, allowed: Sequence[Choice], default: Choice | None = None) -> Choice:
    """Return one of the allowed values. Raises Unprocessable if it is not allowed, or missing without a default."""
    if text is None and default is not None:
        return default
    if text is None:
        raise Unprocessable(f"'{name}' is missing: it must be one of {', '.join(allowed)}.")
    for value in allowed:
        if text == value:
            return value
    raise Unprocessable(f"'{name}' must be one of {', '.join(allowed)}, not {quoted(text)}.")


def read_mode(parameters: Parameters) -> Mode:
    """Return the comparison mode; the default is none."""
    return read_choice("compare", parameters.get("compare"), MODES, "none")


def read_interval(parameters: Parameters) -> Interval:
    """Return the interval of a series. Raises Unprocessable if it is missing or not allowed."""
    return read_choice("interval", parameters.get("interval"), INTERVALS)


def read_value_filter(parameters: Parameters) -> ValueFilter | None:
    """Return the filter of a whole answer. Raises Unprocessable if there are several, or its value is not allowed."""
    given = [by for by in VALUE_FILTERS if by in parameters]
    if len(given) > 1:
        raise Unprocessable(f"Give at most one of {', '.join(VALUE_FILTERS)}, not {' and '.join(given)}.")
    return ValueFilter(given[0], _value(given[0], parameters[given[0]], given[0])) if given else None


def read_breakdown_options(parameters: Parameters, allowed: Sequence[By] = DIMENSIONS) -> BreakdownOptions:
    """Read the parameters of a breakdown. Raises Unprocessable if one is missing or not allowed."""
    by = read_choice("by", parameters.get("by"), allowed)
    order = read_choice("order", parameters.get("order"), ORDERS, default_order(by))
    check_order(by, order)
    filter_ = read_value_filter(parameters)
    check_filter(by, filter_)
    interval = parameters.get("interval")
    return BreakdownOptions(
        by=by,
        order=order,
        limit=read_limit(parameters, ROWS, MAX_ROWS),
        interval=None if interval is None else read_choice("interval", interval, DAY_INTERVALS),
        mode=read_mode(parameters),
        filter=filter_,
        search=read_search(parameters),
        cursor=parameters.get("cursor"),
    )


def read_filter(parameters: Parameters) -> Filter:
    """Read a filter of records. Raises Unprocessable if a parameter is missing, not allowed or of another kind."""
    kind = read_choice("kind", parameters.get("kind"), RECORD_KINDS)
    values: list[tuple[Dimension, str]] = []
    for name, (dimension_kind, dimension) in FILTERS.items():
        if name in parameters:
            _check_kind(name, kind, dimension_kind)
            values.append((dimension, _value(name, parameters[name], dimension)))
    if "status" in parameters:
        dimension = "status" if kind is Kind.CONVERSATION else "run_status"
        values.append((dimension, read_choice("status", parameters["status"], VALUES[dimension])))
    for name in ("has_duration", "stale"):
        if name in parameters:
            _check_kind(name, kind, Kind.CONVERSATION)
    return Filter(
        kind=kind,
        values=tuple(values),
        has_duration=read_flag("has_duration", parameters),
        live=read_flag("live", parameters),
        stale=read_flag("stale", parameters),
    )


def read_item_filter(parameters: Parameters) -> ItemFilter:
    """Read a filter of inventory items. Raises Unprocessable if a parameter is missing or not allowed."""
    kind = read_choice("kind", parameters.get("kind"), INVENTORY_KINDS)
    for name, flag_kind in (("shared", Kind.PHONE_NUMBER), ("active", Kind.DATASET)):
        if name in parameters:
            _check_kind(name, kind, flag_kind)
    flag = "shared" if kind is Kind.PHONE_NUMBER else "active"
    return ItemFilter(kind, read_flag(flag, parameters))


def read_record_kind(text: str) -> Kind:
    """Read the kind of a record. Raises Unprocessable if it is unknown."""
    return read_choice("kind", text, tuple(Kind))


def cut_to_day(window: Window, parameters: Parameters) -> Window:
    """Limit the window to the UTC day of the `day` parameter, if any. Raises Unprocessable if they do not overlap."""
    text = parameters.get("day")
    if text is None:
        return window
    day = read_day("day", text)
    if day not in window.days:
        bounds = f"from {format_instant(window.start)} to {format_instant(window.end)}"
        raise Unprocessable(f"'day' must be a day of the window {bounds}, not {format_day(day)}.")
    start, end = day * MICROSECONDS_PER_DAY, (day + 1) * MICROSECONDS_PER_DAY
    return Window(max(window.start, start), min(window.end, end))


def read_limit(parameters: Parameters, default: int = RECORDS, maximum: int = MAX_RECORDS) -> int:
    """Read the maximum number of rows. Raises Unprocessable if it is not a whole number from 1 to `maximum`."""
    text = parameters.get("limit")
    if text is None:
        return default
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(maximum)) else 0
    if not 1 <= limit <= maximum:
        raise Unprocessable(f"'limit' must be a whole number from 1 to {maximum}, not {quoted(text)}.")
    return limit


def read_search(parameters: Parameters) -> str:
    """Read the text to search for, empty by default. Raises Unprocessable if it is too long."""
    text = parameters.get("search", "")
    if len(text) > MAX_SEARCH_LENGTH:
        raise Unprocessable(f"'search' has more than {MAX_SEARCH_LENGTH} characters.")
    return text


def _value(name: str, text: str, dimension: Dimension) -> str:
    """Read the value of a filter; an empty id selects the records without one."""
    return read_choice(name, text, VALUES[dimension]) if dimension in VALUES else text


def read_flag(name: str, parameters: Parameters) -> bool | None:
    """Return a flag, or None if it is not given. Raises Unprocessable if it is neither true nor false."""
    text = parameters.get(name)
    if text is None:
        return None
    if text not in _FLAGS:
        raise Unprocessable(f"'{name}' must be true or false, not {quoted(text)}.")
    return _FLAGS[text]


def _check_kind(name: str, kind: Kind, allowed: Kind) -> None:
    if kind is not allowed:
        raise Unprocessable(f"'{name}' is only allowed with kind={allowed.value}, not with kind={kind.value}.")
