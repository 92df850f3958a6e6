"""The parameters of queries: described once for OpenAPI, and read with a sentence for what is not allowed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Parameter, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from talkmeter.api.auth.callers import NOT_UTF8, ORGANIZATION_HEADER, ORGANIZATION_PARAMETER
from talkmeter.api.openapi import QueryOperation
from talkmeter.api.problems import AnyRequest
from talkmeter.counting import DIMENSIONS
from talkmeter.errors import Unprocessable, shown
from talkmeter.ingest.fields import CONTROL
from talkmeter.records import INVENTORY_KINDS
from talkmeter.usage.breakdown import INTERVALS, MAX_ROWS, ORDERS, ROWS
from talkmeter.usage.compare import MODES
from talkmeter.usage.export import OF as EXPORTED
from talkmeter.usage.formats import FORMATS
from talkmeter.usage.parameters import FILTERS, RECORD_KINDS, VALUES
from talkmeter.usage.records import MAX_RECORDS, RECORDS


class Described(NamedTuple):
    """A query parameter as it is described."""

    name: str
    what: str
    allowed: Sequence[str] = ()
    required: bool = False
    whole: tuple[int, int, int] | None = None
    """Of a whole number: the least, the most and the one that is meant where none is given."""


_STATUSES: Final = tuple(dict.fromkeys((*VALUES["status"], *VALUES["run_status"])))
_FLAG: Final = ("true", "false")
_INSTANT: Final = "ISO 8601 date or date-time; no offset means UTC; both bounds missing: month to date."

WINDOW: Final = (
    Described("from", f"Start of the window, included: {_INSTANT}"),
    Described("to", f"End of the window, excluded: {_INSTANT}"),
)
COMPARE: Final = Described("compare", "The earlier window to compare with; default none.", MODES)
BY: Final = Described("by", "What to split by.", DIMENSIONS, required=True)
ORDER: Final = Described("order", "The figure that rows are in order of, and share in.", ORDERS)
SPLIT: Final = (
    ORDER,
    Described("limit", "Most rows; all that is not among them is in `others`.", whole=(1, MAX_ROWS, ROWS)),
    Described("interval", "Gives each row a series.", INTERVALS),
    COMPARE,
)
KIND: Final = Described("kind", "Which records.", RECORD_KINDS, required=True)
FILTER: Final = (
    Described("day", "One UTC day of the window, YYYY-MM-DD."),
    *(
        Described(
            name,
            f"Only with this {name}" + ("." if dimension in VALUES else "; empty: only without one."),
            VALUES.get(dimension, ()),
        )
        for name, (_, dimension) in FILTERS.items()
    ),
    Described("status", "Only with this status.", _STATUSES),
    Described("has_duration", "Only conversations with a duration, or without.", _FLAG),
    Described("live", "Only records that have not ended, or that have.", _FLAG),
    Described("stale", "Only live conversations that have gone silent, or all others.", _FLAG),
)
OF: Final = Described("of", "What to export.", EXPORTED, required=True)
FORMAT: Final = Described("format", "How it is written; default csv.", FORMATS)
KIND_OF_EXPORT: Final = Described("kind", "Which records; default conversation.", RECORD_KINDS)
LIMIT: Final = Described("limit", "Most rows of a page.", whole=(1, MAX_RECORDS, RECORDS))
CURSOR: Final = Described("cursor", "`next_cursor` of the page before.")
ITEMS: Final = (
    Described("kind", "Which inventory.", INVENTORY_KINDS, required=True),
    Described("shared", "Only phone numbers on the shared pool, or only the others.", _FLAG),
    Described("active", "Only active datasets, or only the others.", _FLAG),
)
_ORGANIZATION: Final = (
    Parameter(
        name=ORGANIZATION_HEADER,
        param_in="header",
        schema=Schema(type=OpenAPIType.STRING),
        description="The organization; required with a personal access token.",
    ),
    Parameter(
        name=ORGANIZATION_PARAMETER,
        param_in="query",
        schema=Schema(type=OpenAPIType.STRING),
        description=f"The same as the header {ORGANIZATION_HEADER}.",
    ),
)
_AT_HAND: Final = Parameter(
    name="If-None-Match",
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING),
    description="The ETag of an answer at hand.",
)
_FILE: Final = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)


def query_of(*parameters: Described, conditional: bool = False, files: Iterable[str] = ()) -> type[Operation]:
    """The description of a query with these parameters; `conditional` where it may answer 304.

    `files` are the media types of its answer where that is a file.
    """
    media_types = tuple(files)
    described = [*map(_openapi, parameters), *_ORGANIZATION, *([_AT_HAND] if conditional else [])]

    @dataclass
    class Query(QueryOperation):
        """A query whose parameters the handler reads by itself."""

        def __post_init__(self) -> None:
            super().__post_init__()
            self.parameters = [*(self.parameters or ()), *described]
            answer = (self.responses or {}).get("200")
            if media_types and isinstance(answer, OpenAPIResponse):
                answer.content = {one: OpenAPIMediaType(schema=_FILE) for one in media_types}

    return Query


def read_parameters(request: AnyRequest, *known: Described, strict: bool = True) -> dict[str, str]:
    """The parameters of a query, each once. Unprocessable where one comes twice or, if `strict`, is not known.

    A filter with a slip in its name would otherwise be left out, and the answer be of more than was asked.
    """
    names = [one.name for one in known]
    read: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name in read:
            raise Unprocessable(f"'{name}' is given more than once.")
        if name in names:
            if NOT_UTF8 in value:
                raise Unprocessable(f"'{name}' is not UTF-8: {shown(value)}.")
            if CONTROL.search(value):
                raise Unprocessable(f"'{name}' contains a control character: {shown(value)}.")
            read[name] = value
        elif strict and name != ORGANIZATION_PARAMETER:
            there_are = f"there are {', '.join(names)}" if names else "there are none"
            raise Unprocessable(f"{shown(name)} is no parameter here; {there_are}.")
    return read


def _openapi(parameter: Described) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING)
    if parameter.allowed:
        schema = Schema(type=OpenAPIType.STRING, enum=[str(one) for one in parameter.allowed])
    if parameter.whole is not None:
        least, most, default = parameter.whole
        schema = Schema(type=OpenAPIType.INTEGER, minimum=least, maximum=most, default=default)
    return Parameter(
        name=parameter.name,
        param_in="query",
        required=parameter.required,
        schema=schema,
        description=parameter.what,
    )
