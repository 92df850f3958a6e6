"""Generates a year of CloudEvents for a fictional company; the same seed and day always give the same events.

A whole day is generated at once, and then cut at `until`. So a later `until` adds events and never contradicts an
earlier one: a record that was live gets another event with a later time when it has ended. Internally, instants are
milliseconds since 1970; `until` is in microseconds.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from functools import lru_cache
from itertools import accumulate
from math import sqrt, tanh
from random import Random
from typing import Final, NamedTuple

ORGANIZATION_ID: Final = "demo"
ORGANIZATION_NAME: Final = "Fernhill Home Services"
SOURCE: Final = "/talkmeter/demo"
SEED: Final = "fernhill"
SETTLED_AFTER_DAYS: Final = 1
"""All records of a day have ended by the end of the next one, so a top-up redoes the last day and the one before."""

Event = dict[str, object]

_MS_PER_DAY: Final = 86_400_000
_MS_PER_HOUR: Final = 3_600_000
_HOURS: Final = range(24)
_EPOCH: Final = date(1970, 1, 1)
_MAX_SEC: Final = 72_000
_UTC_TO_LOCAL_HOURS: Final = 6
"""The company is in the US Central time zone; its evening is on the next UTC day."""

_GROWTH_ANCHOR: Final = 20_597  # 2026-05-24
_GROWTH: Final = 0.14
_GROWTH_DAYS: Final = 250
_CAMPAIGN_WEEKS: Final = (1.35, 1.05, 0.85, 0.75)
_OUTAGE_HOURS: Final = range(13, 24)
_OUTAGE_SHARE: Final = 0.85

_AGENT_NAMES: Final = {
    "agent_reception": "Reception",
    "agent_scheduling": "Scheduling",
    "agent_billing": "Billing",
    "agent_support": "Technical Support",
    "agent_sales": "Sales",
    "agent_renewals": "Plan Renewals",
    "agent_mail": "Customer Care Mailbox",
}
_NUMBER_NAMES: Final = {
    "+13125550110": "Chicago main line",
    "+13125550124": "Chicago scheduling",
    "+13125550137": "Billing",
    "+13125550148": "Technical support",
    "+14145550116": "Milwaukee",
    "+13175550152": "Indianapolis",
    "+16145550163": "Columbus",
    "+16125550129": "Minneapolis",
}
_SHARED_NUMBERS: Final = ("+12125550171", "+14045550182", "+17205550193", "+16025550105")
_WIDGET_NAMES: Final = {
    "widget_website": "Website",
    "widget_portal": "Customer portal",
    "widget_booking": "Booking page",
}
_DATASETS: Final = {
    "dataset_services": ("Services and prices", True),
    "dataset_manuals": ("Repair manuals", True),
    "dataset_policies": ("Plans and warranties", True),
    "dataset_prices_old": ("Price list of last season", False),
}


def inventory_events(first_day: int) -> list[Event]:
    """Return events for the company's agents, phone numbers, widgets and datasets, at the start of `first_day`."""
    pool = {id: f"Shared pool {place}" for place, id in enumerate(_SHARED_NUMBERS, start=1)}
    return [
        *(_item_event(first_day, "agent", id, name) for id, name in _AGENT_NAMES.items()),
        *(_item_event(first_day, "phone_number", id, name, shared=False) for id, name in _NUMBER_NAMES.items()),
        *(_item_event(first_day, "phone_number", id, name, shared=True) for id, name in pool.items()),
        *(_item_event(first_day, "web_widget", id, name) for id, name in _WIDGET_NAMES.items()),
        *(_item_event(first_day, "dataset", id, name, active=active) for id, (name, active) in _DATASETS.items()),
    ]


class _Route(NamedTuple):
    """The agent, number and widget of conversations, and the route's weight among the others."""

    share: float
    agent_id: str
    number: str | None = None
    widget_id: str | None = None


class _Ending(NamedTuple):
    """A final status with its relative weight; half of its records last longer than `median_sec`."""

    share: float
    status: str
    median_sec: float


class _Volume(NamedTuple):
    """The number per day if all factors are 1, and its weights by local hour and by weekday from Monday on."""

    per_day: float
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    campaign: bool = False


class _Traffic(NamedTuple):
    """Conversations of one kind; `spread` is the sigma of their durations, `digits` the decimals of the seconds."""

    channel: str
    direction: str
    modality: str | None
    volume: _Volume
    spread: float
    digits: int | None
    routes: tuple[_Route, ...]
    endings: tuple[_Ending, ...]


class _Workflow(NamedTuple):
    """Runs of one workflow; if `waits`, they spend most of their time in a wait step."""

    id: str
    volume: _Volume
    endings: tuple[_Ending, ...]
    waits: bool = False


# fmt: off
_OFFICE = (0, 0, 0, 0, 0, 0, .3, 1.5, 5, 9, 11, 11, 9, 9, 10, 10, 9, 7, 4, 2, 1, .5, .2, 0)
_DIALING = (0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 9, 11, 8, 7, 9, 10, 10, 10, 8, 4, 0, 0, 0, 0)
_ONLINE = (.8, .4, .2, .2, .2, .4, 1, 2, 4, 6, 7, 7, 7, 6, 6, 6, 6, 6, 7, 8, 8, 6, 3, 1.6)
_NINE_SHARP = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_OFFICE_WEEK = (1.14, 1.06, 1.0, 0.97, 0.92, 0.36, 0.2)
_DIALING_WEEK = (0.9, 1.2, 1.2, 1.15, 0.65, 0.12, 0.0)
_ONLINE_WEEK = (1.06, 1.02, 1.0, 1.0, 0.94, 0.6, 0.52)

_WIDGET_ROUTES = (
    _Route(52, "agent_sales", None, "widget_website"), _Route(32, "agent_support", None, "widget_portal"),
    _Route(16, "agent_scheduling", None, "widget_booking"),
)
_TRAFFIC: Final = (
    _Traffic(
        "telephone", "inbound", None, _Volume(159, _OFFICE, _OFFICE_WEEK), spread=0.72, digits=None,
        routes=(
            _Route(30, "agent_reception", "+13125550110"), _Route(17, "agent_scheduling", "+13125550124"),
            _Route(13, "agent_support", "+13125550148"), _Route(11, "agent_billing", "+13125550137"),
            _Route(10, "agent_reception", "+14145550116"), _Route(8, "agent_reception", "+13175550152"),
            _Route(7, "agent_scheduling", "+16145550163"), _Route(4, "agent_sales", "+16125550129"),
        ),
        endings=(
            _Ending(77, "completed", 148), _Ending(13, "transferred", 71), _Ending(5, "unanswered", 17),
            _Ending(3, "cancelled", 5), _Ending(2, "failed", 22),
        ),
    ),
    _Traffic(
        "telephone", "outbound", None, _Volume(82, _DIALING, _DIALING_WEEK, campaign=True), spread=0.85, digits=None,
        routes=(
            _Route(38, "agent_renewals", _SHARED_NUMBERS[0]), _Route(27, "agent_renewals", _SHARED_NUMBERS[1]),
            _Route(18, "agent_scheduling", _SHARED_NUMBERS[2]), _Route(12, "agent_sales", _SHARED_NUMBERS[3]),
            _Route(5, "agent_billing", "+13125550137"),
        ),
        endings=(
            _Ending(46, "completed", 58), _Ending(41, "unanswered", 28), _Ending(6, "failed", 3),
            _Ending(4, "transferred", 83), _Ending(3, "cancelled", 4),
        ),
    ),
    _Traffic(
        "webrtc", "inbound", "chat", _Volume(51, _ONLINE, _ONLINE_WEEK), spread=0.8, digits=3, routes=_WIDGET_ROUTES,
        endings=(
            _Ending(90, "completed", 204), _Ending(5, "cancelled", 6), _Ending(3, "failed", 35),
            _Ending(2, "transferred", 160),
        ),
    ),
    _Traffic(
        "webrtc", "inbound", "voice", _Volume(19, _ONLINE, _ONLINE_WEEK), spread=0.75, digits=3, routes=_WIDGET_ROUTES,
        endings=(
            _Ending(84, "completed", 117), _Ending(7, "transferred", 66), _Ending(5, "cancelled", 5),
            _Ending(4, "failed", 14),
        ),
    ),
    _Traffic(
        "text", "inbound", None, _Volume(12, _ONLINE, _ONLINE_WEEK), spread=0.9, digits=1,
        routes=(_Route(60, "agent_scheduling", "+13125550124"), _Route(40, "agent_support", "+13125550148")),
        endings=(_Ending(95, "completed", 540), _Ending(3, "transferred", 400), _Ending(2, "failed", 2)),
    ),
    _Traffic(
        "text", "outbound", None, _Volume(9, _NINE_SHARP, _OFFICE_WEEK), spread=0.9, digits=1,
        routes=(_Route(70, "agent_scheduling", "+13125550124"), _Route(30, "agent_renewals", _SHARED_NUMBERS[0])),
        endings=(_Ending(62, "completed", 410), _Ending(34, "unanswered", 3_600), _Ending(4, "failed", 2)),
    ),
    _Traffic(
        "email", "inbound", None, _Volume(13, _ONLINE, _OFFICE_WEEK), spread=0.9, digits=None,
        routes=(_Route(1, "agent_mail"),),
        endings=(_Ending(93, "completed", 9_000), _Ending(5, "transferred", 2_400), _Ending(2, "failed", 40)),
    ),
)

_WORKFLOWS: Final = (
    _Workflow(
        "wf_call_summary", _Volume(84, _OFFICE, _OFFICE_WEEK),
        (_Ending(97.5, "success", 7), _Ending(2, "failed", 21), _Ending(0.5, "cancelled", 3)),
    ),
    _Workflow(
        "wf_customer_lookup", _Volume(46, _ONLINE, _ONLINE_WEEK),
        (_Ending(96, "success", 1.1), _Ending(4, "failed", 9)),
    ),
    _Workflow(
        "wf_booking_confirmation", _Volume(26, _OFFICE, _OFFICE_WEEK), waits=True,
        endings=(_Ending(86, "success", 2_700), _Ending(9, "cancelled", 5_400), _Ending(5, "failed", 1_800)),
    ),
    _Workflow(
        "wf_overdue_reminder", _Volume(17, _NINE_SHARP, _DIALING_WEEK),
        (_Ending(93, "success", 4), _Ending(7, "failed", 12)),
    ),
    _Workflow(
        "wf_stock_sync", _Volume(24, (1,) * 24, (1,) * 7), (_Ending(99, "success", 38), _Ending(1, "failed", 60)),
    ),
)
# fmt: on
_OUTAGE_ENDING: Final = _Ending(1, "failed", 4)
_UNTIMED_STATUSES: Final = ("unanswered", "cancelled")
_RUN_SPREAD: Final = 0.9
_WAIT_BEGINS_MS: Final = 2_400


def events_of_day(day: int, until: int, seed: str = SEED) -> list[Event]:
    """Return the events of the calls and runs created on a UTC day (days since 1970) before `until` (microseconds).

    Each gives one event, with its final status if it has ended by `until`, otherwise with its current one.
    """
    until_ms = until // 1_000
    if day * _MS_PER_DAY >= until_ms:
        return []
    random = Random(f"{seed}:{day}")
    calls = [_call_event(call, until_ms) for call in _calls(random, day) if call.created < until_ms]
    runs = [_run_event(run, until_ms) for run in _runs(random, day) if run.created < until_ms]
    return calls + runs


class _DemoCall(NamedTuple):
    id: str
    traffic: _Traffic
    route: _Route
    status: str
    created: int
    ended: int
    duration: float | None


class _DemoRun(NamedTuple):
    id: str
    workflow_id: str
    waits: bool
    status: str
    created: int
    ended: int


def _calls(random: Random, day: int) -> Iterator[_DemoCall]:
    """Yield every conversation created on a day; they depend on `random` and the day only."""
    outage, noise = _is_outage(day), random.gauss(1, 0.04)
    for traffic in _TRAFFIC:
        hours = _hours(random, traffic.volume, day, noise)
        routes = random.choices(traffic.routes, [route.share for route in traffic.routes], k=len(hours))
        endings = random.choices(traffic.endings, [ending.share for ending in traffic.endings], k=len(hours))
        for hour, route, chosen in zip(hours, routes, endings, strict=True):
            ending = chosen
            if outage and hour in _OUTAGE_HOURS and traffic.channel in ("telephone", "webrtc"):
                ending = _OUTAGE_ENDING if random.random() < _OUTAGE_SHARE else chosen
            created = day * _MS_PER_DAY + hour * _MS_PER_HOUR + int(random.random() * _MS_PER_HOUR)
            setup = 1_000 + int(random.random() * 7_000)
            seconds = round(_length(random, ending.median_sec, traffic.spread), traffic.digits)
            yield _DemoCall(
                id=f"conv_{random.getrandbits(64):016x}",
                traffic=traffic,
                route=route,
                status=ending.status,
                created=created,
                ended=created + setup + int(seconds * 1_000),
                duration=None if ending.status in _UNTIMED_STATUSES or traffic.channel == "email" else seconds,
            )


def _runs(random: Random, day: int) -> Iterator[_DemoRun]:
    """Yield every workflow run created on a day; they depend on `random` and the day only."""
    outage, noise = _is_outage(day), random.gauss(1, 0.05)
    midnight = day * _MS_PER_DAY
    for workflow in _WORKFLOWS:
        hours = _hours(random, workflow.volume, day, noise)
        endings = random.choices(workflow.endings, [ending.share for ending in workflow.endings], k=len(hours))
        for hour, ending in zip(hours, endings, strict=True):
            status = ending.status
            if outage and hour in _OUTAGE_HOURS and random.random() < _OUTAGE_SHARE:
                status = "failed"
            created = midnight + hour * _MS_PER_HOUR + int(random.random() * _MS_PER_HOUR)
            ended = created + 100 + int(_length(random, ending.median_sec, _RUN_SPREAD) * 1_000)
            id = f"exec_{random.getrandbits(64):016x}"
            yield _DemoRun(id, workflow.id, workflow.waits, status, created, ended)


def _hours(random: Random, volume: _Volume, day: int, noise: float) -> list[int]:
    """Return the UTC hour of each record of a day."""
    weights = [_weight(volume, day, hour) for hour in _HOURS]
    growth = 1 + _GROWTH * tanh((day - _GROWTH_ANCHOR) / _GROWTH_DAYS)
    expected = noise * growth * volume.per_day * sum(weights) / sum(volume.hours)
    number = round(random.gauss(expected, sqrt(max(expected, 0))))
    return random.choices(_HOURS, cum_weights=list(accumulate(weights)), k=number) if number > 0 else []


def _weight(volume: _Volume, day: int, hour: int) -> float:
    """Return the weight of a UTC hour; the hours before local midnight belong to the previous local day."""
    local_day = day if hour >= _UTC_TO_LOCAL_HOURS else day - 1
    weight = volume.hours[hour - _UTC_TO_LOCAL_HOURS] * volume.weekdays[(local_day + 3) % 7] * _holiday(local_day)
    return weight * _CAMPAIGN_WEEKS[(local_day + 3) // 7 % 4] if volume.campaign else weight


def _length(random: Random, median_sec: float, spread: float) -> float:
    return min(median_sec * random.lognormvariate(0, spread), _MAX_SEC)


@lru_cache(maxsize=1_000)
def _holiday(day: int) -> float:
    """Return the share of normal activity on a local day; it is low on US holidays and half on days around them."""
    date_ = _EPOCH + timedelta(days=day)
    match (date_.month, date_.day, date_.weekday()):
        case (1, 1, _) | (7, 4, _) | (12, 25, _) | (11, 22 | 23 | 24 | 25 | 26 | 27 | 28, 3):  # Thanksgiving
            share = 0.12
        case (5, 25 | 26 | 27 | 28 | 29 | 30 | 31, 0) | (9, 1 | 2 | 3 | 4 | 5 | 6 | 7, 0):  # Memorial Day, Labor Day
            share = 0.2
        case (12, 24 | 31, _) | (11, 23 | 24 | 25 | 26 | 27 | 28 | 29, 4):
            share = 0.5
        case _:
            share = 1.0
    return share


def _is_outage(day: int) -> bool:
    """Return whether a day is the third Wednesday of October, when most calls and runs fail."""
    date_ = _EPOCH + timedelta(days=day)
    return date_.month == 10 and date_.weekday() == 2 and 15 <= date_.day <= 21


def _call_event(call: _DemoCall, until: int) -> Event:
    ended = call.ended <= until
    status = call.status if ended else "in_progress"
    data: Event = {
        "id": call.id,
        "channel": call.traffic.channel,
        "direction": call.traffic.direction,
        "status": status,
        "created_at": _instant(call.created),
        "duration": call.duration if ended else None,
        "agent_id": call.route.agent_id,
        "agent_number": call.route.number,
        "web_widget_id": call.route.widget_id,
        "modality": call.traffic.modality,
    }
    return _event("conversation.updated", f"{call.id}:{status}", call.ended if ended else call.created, data)


def _run_event(run: _DemoRun, until: int) -> Event:
    status, time = run.status, run.ended
    if run.ended > until:
        status, time = "running", run.created
        if run.waits and run.created + _WAIT_BEGINS_MS <= until:
            status, time = "waiting", run.created + _WAIT_BEGINS_MS
    data: Event = {"id": run.id, "workflow_id": run.workflow_id, "status": status, "created_at": _instant(run.created)}
    return _event("workflow_execution.updated", f"{run.id}:{status}", time, data)


def _item_event(day: int, kind: str, id: str, name: str, **flags: bool) -> Event:
    return _event(f"{kind}.updated", f"{id}:{day}", day * _MS_PER_DAY, {"id": id, "name": name, **flags})


def _event(type: str, id: str, time: int, data: Event) -> Event:  # noqa: A002 - the names of CloudEvents
    return {
        "specversion": "1.0",
        "id": id,
        "source": SOURCE,
        "type": type,
        "time": _instant(time),
        "data": {"organization_id": ORGANIZATION_ID, **data},
    }


def _instant(milliseconds: int) -> str:
    day, rest = divmod(milliseconds, _MS_PER_DAY)
    minutes, rest = divmod(rest, 60_000)
    return f"{_date(day)}T{minutes // 60:02}:{minutes % 60:02}:{rest // 1_000:02}.{rest % 1_000:03}Z"


@lru_cache(maxsize=1_000)
def _date(day: int) -> str:
    return (_EPOCH + timedelta(days=day)).isoformat()
