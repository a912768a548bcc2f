"""The engine as a process: listens, prints one line, and ends with the process that started it."""

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
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from chaoslab import seeds
from chaoslab.engine import words
from chaoslab.engine.chaoslab_api import ChaoslabApi
from chaoslab.engine.connection_log import ConnectionLog
from chaoslab.engine.host_check import HostCheck, is_loopback
from chaoslab.engine.listener import why_no_drops
from chaoslab.engine.poller import Loop, Poller
from chaoslab.engine.proxy import Engine
from chaoslab.engine.proxy_collection import ProxyCollection
from chaoslab.engine.routes import Router
from chaoslab.engine.toxiproxy_api import ToxiproxyApi

# Its import takes a tenth of the start, and no client comes before the line with the address.
_HTTP_SERVER = "chaoslab.engine.http_server"
_OPEN = (
    "chaoslab.engine: warning: the API listens on {host}: anyone who can reach its port can"
    " redirect the traffic of every proxy"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the engine is started. Port 0 takes a free one; no seed draws one.

    `until_eof` ends it when stdin ends, so that it ends with the process that holds the other end.
    `config` is a JSON file in the shape of `POST /populate`. `allow_hosts` are further names that
    clients may reach the API by; "*" is any. With `both_loopbacks` a proxy at 127.0.0.1 listens at
    ::1 as well. `last_messages` are the services' own, as `words.learn` takes them.
    """

    host: str = "localhost"
    port: int = 8474
    seed: int | None = None
    until_eof: bool = False
    config: str | None = None
    allow_hosts: tuple[str, ...] = ()
    both_loopbacks: bool = False
    last_messages: str | None = None


def serve(options: Options, out: TextIO = sys.stdout) -> int:
    """Run until SIGTERM, SIGINT or the end of stdin; returns the exit status.

    Prints `{"listening": "HOST:PORT", "pid": n}` to `out` once the API answers.
    """
    if not sys.platform.startswith("linux"):
        print(f"chaoslab.engine: needs Linux (epoll, splice); got {sys.platform}", file=sys.stderr)
        return 1
    try:
        if options.last_messages is not None:
            words.learn(options.last_messages)
    except ValueError as error:
        print(f"chaoslab.engine: --last-messages: {error}", file=sys.stderr)
        return 1
    _raise_descriptor_limit()
    _sharpen_timers()
    # Connections free themselves without the collector; a full collection would only add pauses.
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
            no_drops=why_no_drops(),
            both_loopbacks=options.both_loopbacks,
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
        print(_OPEN.format(host=options.host or "all interfaces"), file=sys.stderr, flush=True)
    try:
        if options.config is not None and not await _populate(toxiproxy, options.config):
            return 1
        host, port = server.sockets[0].getsockname()[:2]
        shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        print(json.dumps({"listening": shown, "pid": os.getpid()}), file=out, flush=True)
        importlib.import_module(_HTTP_SERVER)  # while the starter reads the line
        await stop.wait()
    finally:
        # Do not wait for the API's clients: an open connection would keep this process alive.
        server.close()
        proxies.close()
    return 0


async def _listen(options: Options, app: Router) -> asyncio.Server | None:
    serve_client = functools.partial(_serve_client, app)
    try:
        return await asyncio.start_server(serve_client, options.host, options.port)
    except OSError as error:
        number = error.errno or 0
        why = os.strerror(number) if number > 0 else str(error)
        print(
            f"chaoslab.engine: cannot listen on {options.host}:{options.port}: {why}\n"
            "  expected a free port; choose another with --port (0 takes a free one)",
            file=sys.stderr,
        )
        return None


async def _serve_client(
    app: Router, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    from chaoslab.engine.http_server import serve_connection  # noqa: PLC0415  as above

    await serve_connection(app, reader, writer)


async def _populate(api: ToxiproxyApi, path: str) -> bool:
    from chaoslab.engine import wire  # noqa: PLC0415  only where a config is given

    try:
        with open(path, "rb") as file:  # noqa: ASYNC230  before anything is served
            body = file.read()
        await api.populate_all(wire.decode(body), [])
    except (OSError, ValueError, wire.ApiError) as error:  # a NUL in the path is a ValueError
        print(f"chaoslab.engine: --config {path}: {error}", file=sys.stderr)
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


def _sharpen_timers() -> None:
    """Timers may fire 50 µs late to save power; latency toxics need them on time."""
    with contextlib.suppress(OSError):  # not everywhere, and not essential
        Path("/proc/self/timerslack_ns").write_text("1")


def _report_bug(bug: BaseException) -> None:
    print("chaoslab.engine: a bug; its connection stays as it is", file=sys.stderr)
    traceback.print_exception(bug, file=sys.stderr)
