"""A proxy in front of PostgreSQL that stops forwarding connections: the server behind them seems to be frozen."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy.engine import URL, make_url


class FreezingProxy:
    """Forwards connections to a server. While it freezes, a connection that sends the marker stops for good."""

    def __init__(self, server: URL, marker: bytes) -> None:
        self.frozen = 0
        self.url = ""
        self.listens = threading.Event()
        self._server = server
        self._marker = marker
        self._freezing = False
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()

    @contextmanager
    def freezing(self) -> Iterator[None]:
        """Freeze each connection that sends the marker in the block."""
        self._freezing = True
        try:
            yield
        finally:
            self._freezing = False

    def run(self) -> None:
        """Forward until `stop`."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    def stop(self) -> None:
        """Close all connections."""
        self._loop.call_soon_threadsafe(self._stopped.set)

    async def _listen(self) -> None:
        listener = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        url = self._server.set(host="127.0.0.1", port=port).difference_update_query(["host"])
        self.url = url.render_as_string(hide_password=False)
        self.listens.set()
        await self._stopped.wait()
        listener.close()

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        socket = f"{self._server.query['host']}/.s.PGSQL.{self._server.port or 5432}"
        server, to_server = await asyncio.open_unix_connection(socket)
        back = asyncio.ensure_future(self._forward(server, to_client))
        try:
            while data := await client.read(65_536):
                if self._freezing and self._marker in data:
                    # Neither this data nor anything after it is forwarded, until the client gives up.
                    self.frozen += 1
                    await client.read()
                    break
                to_server.write(data)
                await to_server.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            back.cancel()
            to_server.close()
            to_client.close()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        writer.close()


@contextmanager
def freezing_proxy(url: str, marker: str) -> Iterator[FreezingProxy]:
    """Run a proxy in front of the server of a database URL with a Unix socket."""
    proxy = FreezingProxy(make_url(url), marker.encode())
    thread = threading.Thread(target=proxy.run, name="proxy", daemon=True)
    thread.start()
    assert proxy.listens.wait(60)
    yield proxy
    proxy.stop()
    thread.join()
