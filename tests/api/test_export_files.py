"""Temporary files of exports: their size is limited, they are always released, and they hold no database snapshot."""

import asyncio
import errno
import gc
import os
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from talkmeter.api import export_files
from talkmeter.api.export_files import MAX_QUEUED, ExportFile, ExportWriter
from talkmeter.db.engine import Connection, open_engine
from talkmeter.db.migrate import migrate
from talkmeter.errors import DiskFull, Unavailable
from tests.api.exports import EXPORT, csv_rows, export
from tests.api.organizations import OrganizationClient, assert_error, new_organization
from tests.api.queries import Query, get_response
from tests.api.raw_http import download
from tests.event_loop import run_coroutine
from tests.events import conversation
from tests.servers import Server, running_server

CALLS = 6_000
MAX_BYTES = 15_000_000
"""The half of the limit that one organization may use."""
WINDOW = "from=2026-03-01&to=2026-03-02"
RECORDS: Query = {"of": "records", "from": "2026-03-01", "to": "2026-03-02"}
DAILY: Query = {**RECORDS, "of": "daily"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("server"), export_bytes=str(2 * MAX_BYTES)) as running:
        yield running


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[OrganizationClient]:
    """An organization with an export that fits into its half of the limit once, but not twice."""
    with new_organization(server) as org:
        for begin in range(0, CALLS, 1_000):
            org.send(*(_call(number) for number in range(begin, begin + 1_000)))
        size = int(org.client.head(EXPORT, params=RECORDS).headers["Content-Length"])
        assert MAX_BYTES / 2 < size < MAX_BYTES
        yield org


def _call(number: int) -> dict[str, object]:
    """Return a call with ids of maximum length."""
    name = f"{number:0200}"
    call = conversation(name, agent_id=name, agent_number=name, web_widget_id=name)
    return {**call, "id": name, "source": f"/{number:0499}"}


def checkpoint(server: Server) -> tuple[int, ...]:
    """Truncate the write-ahead log; the result is (0, 0, 0) unless a reader's snapshot needs it."""
    with closing(sqlite3.connect(server.folder / "talkmeter.db", timeout=0)) as connection:
        row: tuple[int, ...] = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return row


def wait_for_checkpoint(server: Server) -> None:
    """Truncate the write-ahead log, or time out; short writes of the server, such as the day of a key's use, pass."""
    while checkpoint(server) != (0, 0, 0):
        pass


def wait_until_released(org: OrganizationClient) -> None:
    """Request the large export until it fits, or until the test times out."""
    while (answer := get_response(org, "export", RECORDS)).status_code == 507:
        pass
    assert answer.status_code == 200, answer.text


def test_stalled_client_holds_no_database_snapshot(server: Server, large: OrganizationClient) -> None:
    with (
        new_organization(server) as other,
        download(server, large.key, f"{EXPORT}?of=records&{WINDOW}") as slow,
    ):
        assert slow.response.status == 200
        first = slow.read(1_000)
        other.send(conversation())
        wait_for_checkpoint(server)
        other.send(conversation("call-2"))
        with closing(sqlite3.connect(server.folder / "talkmeter.db", isolation_level=None)) as holder:
            holder.execute("BEGIN")
            holder.execute("SELECT count(*) FROM conversation").fetchone()
            other.send(conversation("call-3"))
            # An open snapshot blocks the checkpoint, so the checks above and below are effective.
            assert checkpoint(server)[0] == 1
        wait_for_checkpoint(server)
        rows = csv_rows(first + slow.read())
    assert len(rows) == CALLS
    wait_until_released(large)


def test_export_excludes_events_that_arrive_during_the_download(server: Server, large: OrganizationClient) -> None:
    with download(server, large.key, f"{EXPORT}?of=records&{WINDOW}") as slow:
        first = slow.read(1_000)
        late = conversation("late", created_at="2026-03-01T00:00:00Z")
        assert large.send(late)["accepted"] == 1
        rows = csv_rows(first + slow.read())
        assert large.send({**late, "type": "conversation.deleted", "time": "2026-03-02T00:00:00Z"})["accepted"] == 1
    assert "late" not in {row["id"] for row in rows}
    assert len(rows) == CALLS


FULL = (
    "The export does not fit: this organization's exports in progress may take 15,000,000 bytes together, "
    "half of TALKMETER_EXPORT_BYTES; export a shorter range or retry later."
)


def test_slow_download_blocks_a_large_export_but_not_a_small_one(server: Server, large: OrganizationClient) -> None:
    wait_until_released(large)
    with download(server, large.key, f"{EXPORT}?of=records&{WINDOW}") as slow:
        slow.read(1_000)
        refused = get_response(large, "export", RECORDS)
        assert_error(refused, 507)
        assert refused.json()["detail"] == FULL
        assert refused.headers["Retry-After"] == "30"
        assert "Content-Disposition" not in refused.headers
        assert len(csv_rows(export(large, DAILY).content)) == 1
        # Rejected exports reserve no bytes.
        assert get_response(large, "export", RECORDS).status_code == 507
        slow.read()
    wait_until_released(large)


def test_client_that_disconnects_releases_its_bytes(server: Server, large: OrganizationClient) -> None:
    for read in (0, 1_000, 300_000):
        wait_until_released(large)
        with download(server, large.key, f"{EXPORT}?of=records&{WINDOW}") as slow:
            assert slow.response.status == 200
            slow.read(read)
            slow.abort()
    wait_until_released(large)
    assert "Traceback" not in server.log()
    assert '"level": "error"' not in server.log()


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_each_of_several_successive_exports_may_use_the_whole_limit(large: OrganizationClient, format_: str) -> None:
    for _ in range(4):
        assert export(large, {**RECORDS, "format": format_}).status_code == 200
        assert large.client.head(EXPORT, params={**RECORDS, "format": format_}).status_code == 200


def test_export_larger_than_the_limit_is_rejected_and_releases_its_bytes(tmp_path: Path) -> None:
    with running_server(tmp_path, export_bytes="8192") as server, new_organization(server) as org:
        org.send(*(conversation(f"call-{number}") for number in range(100)))
        for query in (RECORDS, {**RECORDS, "format": "jsonl"}, {**RECORDS, "format": "parquet"}) * 3:
            refused = get_response(org, "export", query)
            assert_error(refused, 507)
            assert "4,096 bytes" in refused.json()["detail"]
        for _ in range(20):
            assert len(csv_rows(export(org, DAILY).content)) == 1
            assert org.client.head(EXPORT, params=DAILY).status_code == 200


@pytest.fixture
def exports(tmp_path: Path) -> Iterator[ExportWriter]:
    """An export writer of an empty database, with a limit of 1,000 bytes for each organization."""
    engine = open_engine(f"sqlite:///{tmp_path / 'talkmeter.db'}")
    migrate(engine)
    exports = ExportWriter(engine, 2_000)
    yield exports
    exports.close()
    engine.dispose()


def writes(size: int, before: Callable[[], object] = lambda: None) -> Callable[..., None]:
    """Return a function that writes an export of `size` bytes, and calls `before` first."""

    def write(_connection: Connection, out: IO[bytes], on_progress: Callable[[], None]) -> None:
        before()
        out.write(b"x" * size)
        on_progress()

    return write


async def read_all(file: ExportFile) -> bytes:
    return b"".join([chunk async for chunk in file.chunks()])


def test_more_than_eight_queued_exports_are_503(exports: ExportWriter) -> None:
    resume = threading.Event()

    async def scenario() -> None:
        waiting = [
            asyncio.create_task(exports.write(f"org-{number}", writes(10, resume.wait))) for number in range(MAX_QUEUED)
        ]
        # Let all of them start.
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match=re.escape("The export queue is full; retry shortly.")):
            await exports.write("acme", writes(10))
        resume.set()
        assert [await read_all(await task) for task in waiting] == [b"x" * 10] * MAX_QUEUED
        assert await read_all(await exports.write("acme", writes(10))) == b"x" * 10

    run_coroutine(scenario())


def test_organizations_take_turns(exports: ExportWriter) -> None:
    resume = threading.Event()
    order: list[str] = []

    def waits(name: str) -> Callable[[], None]:
        def wait() -> None:
            order.append(name)
            resume.wait()

        return wait

    async def scenario() -> None:
        names = ["acme 1", "acme 2", "acme 3", "other 1"]
        waiting = [asyncio.create_task(exports.write(name.split()[0], writes(10, waits(name)))) for name in names]
        # Let all of them start.
        await asyncio.sleep(0)
        resume.set()
        for task in waiting:
            await task

    run_coroutine(scenario())
    assert order == ["acme 1", "other 1", "acme 2", "acme 3"]


def test_organization_may_use_half_of_the_export_queue(exports: ExportWriter) -> None:
    resume = threading.Event()

    async def scenario() -> None:
        waiting = [asyncio.create_task(exports.write("acme", writes(10, resume.wait))) for _ in range(MAX_QUEUED // 2)]
        # Let all of them start.
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="This organization's half of the export queue is full"):
            await exports.write("acme", writes(10))
        other = asyncio.create_task(exports.write("other", writes(20)))
        await asyncio.sleep(0)
        resume.set()
        assert await read_all(await other) == b"x" * 20
        assert [await read_all(await task) for task in waiting] == [b"x" * 10] * len(waiting)
        assert await read_all(await exports.write("acme", writes(10))) == b"x" * 10

    run_coroutine(scenario())


@pytest.mark.parametrize("limit", ["STALLED_SEC", "DOWNLOAD_GRACE_SEC"])
def test_stalled_or_slow_client_loses_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(export_files, limit, 0.01)
    monkeypatch.setattr(export_files, "MIN_BYTES_PER_SEC", 100_000_000)
    engine = open_engine(f"sqlite:///{tmp_path / 'talkmeter.db'}")
    migrate(engine)
    exports = ExportWriter(engine, 2_000_000)

    async def scenario() -> None:
        stopped = (await exports.write("acme", writes(600_000))).chunks()
        first = await anext(stopped)
        assert 0 < len(first) < 600_000
        # Loops until the file is released, or the test times out.
        while (file := await file_or_none(exports, 1_000_000)) is None:
            pass
        assert len(await read_all(file)) == 1_000_000
        with pytest.raises(ValueError, match="closed file"):
            await anext(stopped)

    run_coroutine(scenario())
    exports.close()
    engine.dispose()


async def file_or_none(exports: ExportWriter, size: int) -> ExportFile | None:
    """Write an export and return its file, or None if it does not fit."""
    try:
        return await exports.write("acme", writes(size))
    except DiskFull:
        return None


def test_client_that_disconnects_before_the_file_is_written_leaves_no_file(exports: ExportWriter) -> None:
    started, resume = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        resume.wait()

    async def scenario() -> None:
        leaving = asyncio.create_task(exports.write("acme", writes(900, wait)))
        await asyncio.to_thread(started.wait)
        leaving.cancel()
        await asyncio.wait([leaving])
        assert leaving.cancelled()
        resume.set()
        del leaving
        # This export is written after the cancelled one in the same thread, so the cancelled one is finished now.
        await exports.write("acme", writes(1))
        gc.collect()
        assert len(await read_all(await exports.write("acme", writes(999)))) == 999

    run_coroutine(scenario())


def test_file_is_released_before_the_client_has_its_last_chunk(exports: ExportWriter) -> None:
    async def scenario() -> None:
        chunks = (await exports.write("acme", writes(1_000))).chunks()
        assert await anext(chunks) == b"x" * 1_000
        assert len(await read_all(await exports.write("acme", writes(1_000)))) == 1_000
        assert [chunk async for chunk in chunks] == []

    run_coroutine(scenario())


def test_unread_file_is_released_with_its_response(exports: ExportWriter) -> None:
    async def scenario() -> None:
        file = await exports.write("acme", writes(600))
        with pytest.raises(DiskFull):
            await exports.write("acme", writes(600))
        assert file.size == 600
        del file
        gc.collect()
        assert len(await read_all(await exports.write("acme", writes(1_000)))) == 1_000

    run_coroutine(scenario())


def test_full_temporary_folder_is_507_and_releases_the_bytes(exports: ExportWriter) -> None:
    def disk_full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def scenario() -> None:
        for _ in range(3):
            with pytest.raises(DiskFull, match="The folder for temporary files has no space for this export"):
                await exports.write("acme", writes(900, disk_full))
        assert len(await read_all(await exports.write("acme", writes(1_000)))) == 1_000

    run_coroutine(scenario())


def test_disk_that_is_full_when_the_file_is_closed_releases_the_bytes(exports: ExportWriter) -> None:
    def write(_connection: Connection, out: IO[bytes], on_progress: Callable[[], None]) -> None:
        out.write(b"x" * 800)
        out.flush()
        on_progress()
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, out.fileno())
        os.close(full)
        # These bytes are in the buffer; each attempt to write them, also that of close(), finds a full disk.
        out.write(b"x" * 100)
        on_progress()

    async def scenario() -> None:
        for _ in range(3):
            with pytest.raises(DiskFull, match="The folder for temporary files has no space for this export"):
                await exports.write("acme", write)
        assert len(await read_all(await exports.write("acme", writes(1_000)))) == 1_000

    run_coroutine(scenario())


def test_one_organization_leaves_half_of_the_limit_to_the_others(exports: ExportWriter) -> None:
    async def scenario() -> None:
        held = await exports.write("acme", writes(600))
        with pytest.raises(DiskFull, match="this organization's exports in progress may take 1,000 bytes"):
            await exports.write("acme", writes(600))
        others = [await exports.write(name, writes(700)) for name in ("other", "third")]
        with pytest.raises(DiskFull, match="all exports in progress may take 2,000 bytes"):
            await exports.write("fourth", writes(1))
        assert [len(await read_all(file)) for file in (held, *others)] == [600, 700, 700]

    run_coroutine(scenario())


def test_other_errors_are_raised_unchanged_and_release_the_bytes(exports: ExportWriter) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    async def scenario() -> None:
        for error, action in ((ZeroDivisionError, broken), (PermissionError, _no_permission)):
            with pytest.raises(error):
                await exports.write("acme", writes(900, action))
        assert len(await read_all(await exports.write("acme", writes(1_000)))) == 1_000

    run_coroutine(scenario())


def _no_permission() -> None:
    raise PermissionError(errno.EACCES, "Permission denied")
