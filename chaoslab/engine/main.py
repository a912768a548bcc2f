"""The engine as a process: opens its API, prints one line, and serves until it is told to end."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from chaoslab import seeds
from chaoslab.engine import last_messages, wire
from chaoslab.engine.address import join_host_port
from chaoslab.engine.chaoslab_api import ChaoslabApi
from chaoslab.engine.connection_log import ConnectionLog
from chaoslab.engine.host_check import HostCheck, is_loopback
from chaoslab.engine.listener import why_dropped_is_unsupported
from chaoslab.engine.poller import Loop, Poller
from chaoslab.engine.proxy import Engine
from chaoslab.engine.proxy_collection import ProxyCollection
from chaoslab.engine.routes import Router
from chaoslab.engine.toxiproxy_api import ToxiproxyApi
from chaoslab.network import HandedSockets, MakesSockets

# Importing it takes a tenth of the start-up time, and no client connects before the address is
# printed. So it is imported after that.
_HTTP_SERVER = "chaoslab.engine.http_server"
_EXPOSED = (
    "chaoslab.engine: warning: the API listens on {host}: anyone who can reach its port can"
    " redirect the traffic of every proxy"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the engine is started. Port 0 means a free port; without a seed, one is drawn.

    `until_eof` ends the engine when stdin ends, so that it ends with the process that started it.
    `config` is a JSON file with the body of `POST /populate`. `allow_hosts` are additional host
    names that clients of the API may use; "*" allows any. With `both_loopbacks` a proxy at
    127.0.0.1 also listens at ::1. `listen_through` is an inherited descriptor, a Unix socket: its
    other side makes the sockets on which proxies listen (`chaoslab.network.HandedSockets`).
    `last_messages` is JSON, see `last_messages.configure`.
    """

    host: str = "localhost"
    port: int = 8474
    seed: int | None = None
    until_eof: bool = False
    config: str | None = None
    allow_hosts: tuple[str, ...] = ()
    both_loopbacks: bool = False
    listen_through: int | None = None
    last_messages: str | None = None


def serve(options: Options, out: TextIO = sys.stdout) -> int:
    """Run until SIGTERM, SIGINT or the end of stdin; returns the exit status.

    Prints `{"listening": "HOST:PORT", "pid": n}` to `out` as soon as the API answers.
    """
    if not sys.platform.startswith("linux"):
        from chaoslab.engine import start_errors

        return start_errors.report(start_errors.NOT_LINUX(platform=sys.platform))
    try:
        if options.last_messages is not None:
            last_messages.configure(options.last_messages)
    except ValueError as error:
        from chaoslab.engine import start_errors

        return start_errors.report(start_errors.BAD_LAST_MESSAGES(cause=str(error)))
    _raise_descriptor_limit()
    _reduce_timer_slack()
    # Connections are freed by reference counts; a full garbage collection would only add pauses.
    gc.freeze()
    gc.set_threshold(50_000, 50, 100)
    poller = Poller(_report_bug)
    with asyncio.Runner(loop_factory=lambda: Loop(poller)) as runner:
        return runner.run(_serve(options, poller, out))


async def _serve(options: Options, poller: Poller, out: TextIO) -> int:
    loop = asyncio.get_running_loop()
    proxies = ProxyCollection(
        Engine(
            loop=loop,
            poller=poller,
            log=ConnectionLog(),
            seed=seeds.fresh_seed() if options.seed is None else options.seed,
            dropped_unsupported=why_dropped_is_unsupported(),
            both_loopbacks=options.both_loopbacks,
            new_socket=_new_socket(options.listen_through),
        )
    )
    toxiproxy = ToxiproxyApi(proxies)
    host_check = HostCheck(options.host, *options.allow_hosts)
    app = Router([*toxiproxy.routes(), *ChaoslabApi(proxies).routes()], host_check)
    stop = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    if options.until_eof:
        _stop_at_eof(loop, stop)
    server = await _listen(options, app)
    if server is None:
        return 1
    if not is_loopback(options.host):
        print(_EXPOSED.format(host=options.host or "all interfaces"), file=sys.stderr, flush=True)
    try:
        if options.config is not None and not await _populate(toxiproxy, options.config):
            return 1
        listening = join_host_port(*server.sockets[0].getsockname()[:2])
        print(json.dumps({"listening": listening, "pid": os.getpid()}), file=out, flush=True)
        importlib.import_module(_HTTP_SERVER)  # while the parent process reads the line
        await stop.wait()
    finally:
        # Do not wait for the API's clients: an open connection would keep this process alive.
        server.close()
        proxies.close()
    return 0


def _new_socket(listen_through: int | None) -> MakesSockets:
    if listen_through is None:
        return socket.socket
    os.set_inheritable(listen_through, False)
    return HandedSockets(socket.socket(fileno=listen_through))


async def _listen(options: Options, app: Router) -> asyncio.Server | None:
    serve_client = functools.partial(_serve_client, app)
    try:
        return await asyncio.start_server(serve_client, options.host, options.port)
    except OSError as error:
        from chaoslab.engine import start_errors

        number = error.errno or 0
        cause = os.strerror(number) if number > 0 else str(error)
        start_errors.report(
            start_errors.CANNOT_LISTEN(address=f"{options.host}:{options.port}", cause=cause),
            expected="a free port",
            fix="choose another with --port (0 takes a free one)",
        )
        return None


async def _serve_client(
    app: Router, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    from chaoslab.engine.http_server import serve_connection  # see _HTTP_SERVER

    await serve_connection(app, reader, writer)


async def _populate(api: ToxiproxyApi, path: str) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: ASYNC230  no request is served yet
            body = file.read()
        await api.populate_all(wire.decode(body), [])
    except (OSError, ValueError, wire.ApiError) as error:  # a NUL in the path is a ValueError
        from chaoslab.engine import start_errors

        start_errors.report(start_errors.BAD_CONFIG(file=path, cause=str(error)))
        return False
    return True


def _stop_at_eof(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    fd = sys.stdin.fileno()

    def readable() -> None:
        with contextlib.suppress(BlockingIOError):
            if not os.read(fd, 4096):
                loop.remove_reader(fd)
                stop.set()

    try:
        loop.add_reader(fd, readable)
    except PermissionError:  # a regular file or /dev/null: it has ended already
        stop.set()


def _raise_descriptor_limit() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _reduce_timer_slack() -> None:
    """Let timers fire on time: by default Linux delays them by up to 50 µs to save power."""
    with contextlib.suppress(OSError):  # optional: some sandboxes do not have the file
        Path("/proc/self/timerslack_ns").write_text("1")


def _report_bug(bug: BaseException) -> None:
    print("chaoslab.engine: a bug; the connection is left as it is", file=sys.stderr)
    traceback.print_exception(bug, file=sys.stderr)
