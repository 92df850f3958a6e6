"""The query parameters of the API: their OpenAPI descriptions, and reading them from a request."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Parameter, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from talkmeter.api.auth.callers import NOT_UTF8, ORGANIZATION_PARAMETER
from talkmeter.api.headers import query_parameters
from talkmeter.api.openapi import QueryOperation
from talkmeter.api.problems import AnyRequest
from talkmeter.billing.organization_list import DEFAULT_ORGANIZATIONS, MAX_ORGANIZATIONS, MAX_OTHER_DAYS, SORTS
from talkmeter.billing.priced_months import BYS
from talkmeter.counting import DIMENSIONS
from talkmeter.errors import Unprocessable, quoted
from talkmeter.ingest.fields import CONTROL
from talkmeter.records import INVENTORY_KINDS
from talkmeter.usage.breakdown_answers import ORDERS
from talkmeter.usage.breakdown_query import MAX_ROWS, ROWS
from talkmeter.usage.compare import MODES
from talkmeter.usage.dimensions import BREAKDOWNS
from talkmeter.usage.export import EXPORT_TYPES
from talkmeter.usage.filtered import VALUE_FILTERS
from talkmeter.usage.formats import FORMATS
from talkmeter.usage.intervals import DAY_INTERVALS, INTERVALS
from talkmeter.usage.parameters import FILTERS, RECORD_KINDS, VALUES
from talkmeter.usage.records import MAX_RECORDS, RECORDS


class QueryParameter(NamedTuple):
    """A query parameter and its OpenAPI description."""

    name: str
    description: str
    allowed: Sequence[str] = ()
    required: bool = False
    integer: tuple[int, int, int] | None = None
    """(min, max, default) of an integer."""
    formats: tuple[OpenAPIFormat, ...] = ()


_STATUSES: Final = tuple(dict.fromkeys((*VALUES["status"], *VALUES["run_status"])))
_FLAG: Final = ("true", "false")
_INSTANT: Final = "ISO 8601 date or date-time; UTC unless it has an offset. Default without from and to: month to date."
_DAY: Final = "a UTC day, YYYY-MM-DD. Default without from and to: month to date."
_INSTANT_FORMATS: Final = (OpenAPIFormat.DATE_TIME, OpenAPIFormat.DATE)

WINDOW: Final = (
    QueryParameter("from", f"Start of the window, inclusive: {_INSTANT}", formats=_INSTANT_FORMATS),
    QueryParameter("to", f"End of the window, exclusive: {_INSTANT}", formats=_INSTANT_FORMATS),
)
COMPARE: Final = QueryParameter("compare", "The earlier window to compare with; default none.", MODES)
BY: Final = QueryParameter("by", "The dimension to group by.", DIMENSIONS, required=True)
BREAKDOWN_BY: Final = BY._replace(
    description="The dimension to group by. organization: the organization and those below it; this needs the scope "
    "child_organizations:manage.",
    allowed=BREAKDOWNS,
)
SUBTREE: Final = QueryParameter(
    "subtree",
    "true: the sum of the organization and of those below it; this needs the scope child_organizations:manage. "
    "Default false.",
    _FLAG,
)
ORDER: Final = QueryParameter(
    "order",
    "The figure that rows are sorted by and `share` is computed from; default calls, or runs if `by` is of runs.",
    ORDERS,
)
SPLIT: Final = (
    ORDER,
    QueryParameter("limit", "Maximum number of rows; `others` is the sum of the rest.", integer=(1, MAX_ROWS, ROWS)),
    QueryParameter("interval", "Adds a time series with this interval to each row.", DAY_INTERVALS),
    COMPARE,
)
KIND: Final = QueryParameter("kind", "The kind of records.", RECORD_KINDS, required=True)
FILTER: Final = (
    QueryParameter("day", "One UTC day of the window, YYYY-MM-DD.", formats=(OpenAPIFormat.DATE,)),
    *(
        QueryParameter(
            name,
            f"Only records with this {name}" + ("." if dimension in VALUES else "; empty: only records without one."),
            VALUES.get(dimension, ()),
        )
        for name, (_, dimension) in FILTERS.items()
    ),
    QueryParameter("status", "Only records with this status.", _STATUSES),
    QueryParameter("has_duration", "Only conversations with (true) or without (false) a duration.", _FLAG),
    QueryParameter("live", "Only records that have not ended (true), or that have ended (false).", _FLAG),
    QueryParameter("stale", "Only stale conversations (true), or only the others (false).", _FLAG),
)
VALUE_FILTER: Final = tuple(
    QueryParameter(
        name,
        f"Only usage with this {name}"
        + ("" if name in VALUES else "; empty: without one")
        + f". At most one of {', '.join(VALUE_FILTERS)}.",
        VALUES.get(name, ()),
    )
    for name in VALUE_FILTERS
)
"""The filter of a whole answer."""
INTERVAL: Final = QueryParameter(
    "interval", "The interval of the points; hour: at most 48 hours.", INTERVALS, required=True
)
SEARCH: Final = QueryParameter(
    "search", "Only values whose id or name contains this text, in any case; `others` has the rest."
)
COSTS: Final = (
    QueryParameter("from", f"First day: {_DAY}", formats=(OpenAPIFormat.DATE,)),
    QueryParameter("to", f"The day after the last one: {_DAY}", formats=(OpenAPIFormat.DATE,)),
    QueryParameter("by", "Splits the costs by charge or by a dimension.", BYS),
    QueryParameter("limit", "Maximum number of rows; `others` is the sum of the rest.", integer=(1, MAX_ROWS, ROWS)),
)
ORGANIZATIONS: Final = (
    QueryParameter("month", "A month (UTC), YYYY-MM. Default without from and to: the current month."),
    QueryParameter("from", "First day (UTC), YYYY-MM-DD, instead of a month.", formats=(OpenAPIFormat.DATE,)),
    QueryParameter(
        "to",
        f"The day after the last one. Whole months, or at most {MAX_OTHER_DAYS} days.",
        formats=(OpenAPIFormat.DATE,),
    ),
    QueryParameter(
        "sort",
        "The order; `-`: the largest first. Default -calls. change: of calls, only for one month that has ended.",
        SORTS,
    ),
    QueryParameter("search", "Only organizations whose id or name contains this text, in any case."),
)
DRY_RUN: Final = QueryParameter("dry_run", "true: only returns what would change; default false.", _FLAG)
RESTATE: Final = QueryParameter(
    "restate", "true: allows a start before the current month, which changes past costs; default false.", _FLAG
)
BUDGET: Final = QueryParameter("budget", "The id of the budget.", required=True)
OF: Final = QueryParameter("of", "What to export.", EXPORT_TYPES, required=True)
FORMAT: Final = QueryParameter("format", "The file format; default csv.", FORMATS)
EXPORT_KIND: Final = QueryParameter("kind", "The kind of records; default conversation.", RECORD_KINDS)
LIMIT: Final = QueryParameter("limit", "Maximum number of rows per page.", integer=(1, MAX_RECORDS, RECORDS))
CURSOR: Final = QueryParameter("cursor", "`next_cursor` of the previous page.")
ORGANIZATIONS_PAGE: Final = (LIMIT._replace(integer=(1, MAX_ORGANIZATIONS, DEFAULT_ORGANIZATIONS)), CURSOR)
ITEMS: Final = (
    QueryParameter("kind", "The kind of inventory items.", INVENTORY_KINDS, required=True),
    QueryParameter("shared", "Only shared phone numbers (true), or only the others (false).", _FLAG),
    QueryParameter("active", "Only active datasets (true), or only the others (false).", _FLAG),
)
_IF_NONE_MATCH: Final = Parameter(
    name="If-None-Match",
    param_in="header",
    schema=Schema(type=OpenAPIType.STRING),
    description="The ETag of a cached response.",
)
_FILE: Final = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)


def query_operation(
    *parameters: QueryParameter,
    conditional: bool = False,
    file_types: Iterable[str] = (),
    body: RequestBody | None = None,
    headers: Iterable[Parameter] = (),
) -> type[Operation]:
    """Return the OpenAPI operation class of a query with these parameters.

    `conditional`: the response may be 304. `file_types`: the media types of the response, if it is a file. `body`: a
    body that the handler reads itself. `headers`: the headers that it reads.
    """
    media_types = tuple(file_types)
    described = [*map(_openapi, parameters), *([_IF_NONE_MATCH] if conditional else []), *headers]

    @dataclass
    class ParameterizedOperation(QueryOperation):
        """A query whose handler reads the parameters itself."""

        def __post_init__(self) -> None:
            self.request_body = body or self.request_body
            super().__post_init__()
            self.parameters = [*(self.parameters or ()), *described]
            response = (self.responses or {}).get("200")
            if media_types and isinstance(response, OpenAPIResponse):
                response.content = {media_type: OpenAPIMediaType(schema=_FILE) for media_type in media_types}

    return ParameterizedOperation


def read_parameters(request: AnyRequest, *allowed: QueryParameter) -> dict[str, str]:
    """Return the allowed query parameters of a request.

    Raises Unprocessable if a parameter is repeated or unknown: a filter with a misspelled name would otherwise be
    ignored, and the answer would include too much.
    """
    names = [parameter.name for parameter in allowed]
    values: dict[str, str] = {}
    for name, value in query_parameters(request):
        if name in values:
            raise Unprocessable(f"'{name}' is given more than once.")
        if name in names:
            if NOT_UTF8 in value:
                raise Unprocessable(f"'{name}' is not UTF-8: {quoted(value)}.")
            if CONTROL.search(value):
                raise Unprocessable(f"'{name}' contains a control character: {quoted(value)}.")
            values[name] = value
        elif name != ORGANIZATION_PARAMETER:
            raise Unprocessable(f"Unknown parameter {quoted(name)}. Allowed: {', '.join(names) or 'none'}.")
    return values


def _openapi(parameter: QueryParameter) -> Parameter:
    schema = Schema(type=OpenAPIType.STRING)
    if parameter.allowed:
        schema = Schema(type=OpenAPIType.STRING, enum=[str(value) for value in parameter.allowed])
    if parameter.formats:
        schemas = [Schema(type=OpenAPIType.STRING, format=format_) for format_ in parameter.formats]
        schema = schemas[0] if len(schemas) == 1 else Schema(any_of=[*schemas])
    if parameter.integer is not None:
        minimum, maximum, default = parameter.integer
        schema = Schema(type=OpenAPIType.INTEGER, minimum=minimum, maximum=maximum, default=default)
    return Parameter(
        name=parameter.name,
        param_in="query",
        required=parameter.required,
        schema=schema,
        description=parameter.description,
    )
