"""What every runtime keeps, on real servers and real processes."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
from pathlib import Path

import psycopg
import pytest
import redis.exceptions

from chaoslab.clock import now_s
from chaoslab.errors import ServiceFailed
from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.topology import Service
from chaoslab.runtimes.base import AppStart, RunningService, Runtime
from chaoslab.runtimes.containers.app import ContainerApp
from chaoslab.runtimes.local import LocalRuntime

from .clients import Client, connects, is_down, run_python, until_said
from .conftest import LOCAL, POSTGRES, REDIS
from .stacks import APP

BROKEN = (psycopg.OperationalError, redis.exceptions.ConnectionError)
EACH = pytest.mark.parametrize("service", [POSTGRES, REDIS], ids=lambda service: service.kind)


@EACH
async def test_a_started_service_answers_a_real_client(runtime: Runtime, service: Service) -> None:
    """start_service returns only when the service can be used."""
    running = await runtime.start_service(service)
    async with Client(running) as client:
        await client.keep("first")
        assert await client.words() == {"first"}


@EACH
async def test_the_version_names_product_and_number(runtime: Runtime, service: Service) -> None:
    """A report can say what was really run."""
    running = await runtime.start_service(service)
    product = {"postgres": "PostgreSQL", "redis": "(Redis|Valkey)"}[service.kind]
    assert re.match(rf"{product} \d+\.\d+", running.version)


async def test_a_url_leads_through_the_address_it_is_given(runtime: Runtime) -> None:
    """Apps are given the proxy's address, not the server's."""
    proxy = Endpoint(host="127.0.0.1", port=4711)
    postgres, cache = await asyncio.gather(
        runtime.start_service(POSTGRES), runtime.start_service(REDIS)
    )
    url = r"postgresql://chaoslab:chaoslab@127\.0\.0\.1:4711/\w+\?sslmode=disable"
    assert re.fullmatch(url, postgres.url(proxy))
    assert cache.url(proxy) == "redis://127.0.0.1:4711/0"


async def test_postgres_has_the_hundred_connections_of_the_incident(runtime: Runtime) -> None:
    """max_connections is 100, and the role of the apps is no superuser, so some stay reserved."""
    running = await runtime.start_service(POSTGRES)
    async with await psycopg.AsyncConnection.connect(running.url(running.endpoint)) as client:
        cursor = await client.execute(
            "SELECT current_setting('max_connections'), usesuper FROM pg_user "
            "WHERE usename = current_user"
        )
        assert await cursor.fetchone() == ("100", False)


@EACH
@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_a_service_comes_back_on_its_port_with_its_data(
    runtime: Runtime, service: Service, way: str
) -> None:
    """After stop or kill the port is closed; after start everything acknowledged is there."""
    running = await runtime.start_service(service)
    endpoint = running.endpoint
    async with Client(running) as client:
        await client.keep("kept")
    await (running.stop() if way == "stop" else running.kill())
    assert await is_down(running)
    await running.start()
    assert running.endpoint == endpoint
    async with Client(running) as client:
        assert await client.words() == {"kept"}


@EACH
@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_open_connections_end_with_the_service(
    runtime: Runtime, service: Service, way: str
) -> None:
    """A pooled connection goes stale, as it would in a real outage."""
    running = await runtime.start_service(service)
    async with Client(running) as client:
        await client.keep("before")
        await (running.stop() if way == "stop" else running.kill())
        with pytest.raises(BROKEN):
            await client.words()


@EACH
async def test_a_paused_service_keeps_its_connections_silent_until_it_is_resumed(
    runtime: Runtime, service: Service
) -> None:
    """Frozen are the server and the process that serves the open connection."""
    running = await runtime.start_service(service)
    async with Client(running) as client:
        await client.keep("before")
        await running.pause()
        asked = asyncio.create_task(client.words())
        # Answers take well under a millisecond; half a second of silence is not slowness.
        done, _ = await asyncio.wait([asked], timeout=0.5)
        assert not done
        assert await connects(running.endpoint.port), "the kernel still accepts for it"
        await running.resume()
        assert await asyncio.wait_for(asked, 5.0) == {"before"}


@EACH
async def test_every_action_may_be_repeated(runtime: Runtime, service: Service) -> None:
    """A fault that heals twice does no harm."""
    running = await runtime.start_service(service)
    for verb in ("start", "pause", "resume", "stop", "resume", "pause", "kill"):
        await getattr(running, verb)()
        await getattr(running, verb)()
    await asyncio.gather(running.start(), running.start())
    async with Client(running) as client:
        await client.keep("alive")


@EACH
@pytest.mark.parametrize("way", ["stop", "kill"])
async def test_a_paused_service_can_be_stopped_and_killed(
    runtime: Runtime, service: Service, way: str
) -> None:
    """It does not stay frozen afterwards."""
    running = await runtime.start_service(service)
    await running.pause()
    await asyncio.wait_for(running.stop() if way == "stop" else running.kill(), 5.0)
    assert await is_down(running)
    await running.start()
    async with Client(running) as client:
        await client.keep("alive")


async def test_killing_one_service_leaves_the_other_alone(runtime: Runtime) -> None:
    """A fault has the blast radius that it names."""
    postgres, cache = await asyncio.gather(
        runtime.start_service(POSTGRES), runtime.start_service(REDIS)
    )
    async with Client(cache) as client:
        await client.keep("before")
        await postgres.kill()
        assert await client.words() == {"before"}


async def test_two_services_of_a_kind_share_nothing(runtime: Runtime) -> None:
    """Each has its own port and its own data."""
    one, two = await asyncio.gather(
        runtime.start_service(REDIS),
        runtime.start_service(Service(name="two", kind="redis")),
    )
    async with Client(one) as first, Client(two) as second:
        await first.keep("mine")
        assert await second.words() == set()


async def test_an_app_gets_its_environment_and_its_log(runtime: Runtime, tmp_path: Path) -> None:
    """Both streams are appended to what earlier boots wrote; an engine carries them separately, so
    that only of processes their order is known.
    """
    log = tmp_path / "app.log"
    log.write_text("an earlier boot\n")
    code = "import os, sys; print(os.environ['WORD']); print('err', file=sys.stderr); sys.exit(3)"
    app = await run_python(runtime, code, log, env={"WORD": "out"})
    assert await asyncio.wait_for(app.wait(), 10.0) == 3
    assert app.exit_code == 3
    said = app.log_tail() if runtime.name != "docker" else tuple(sorted(app.log_tail())[::-1])
    assert said == ("out", "err")
    earlier, *lines = log.read_text().splitlines()
    assert earlier == "an earlier boot"
    assert tuple(lines) == app.log_tail()


async def test_a_missing_program_is_reported_clearly(runtime: Runtime, tmp_path: Path) -> None:
    """The app and the program are named, and what to do."""
    said = r"^app: (.|\n)*cannot (be )?execute(.|\n)*/no/such/program(.|\n)*check"
    with pytest.raises(ServiceFailed, match=said):
        await runtime.spawn_app(
            AppStart(
                app=APP,
                command=("/no/such/program",),
                env={},
                port=await runtime.app_port(APP),
                log=tmp_path / "log",
            )
        )


@LOCAL
async def test_an_app_whose_port_is_taken_is_not_spawned(runtime: Runtime, tmp_path: Path) -> None:
    """Else the answers of the other process would seem to be the app's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(ServiceFailed, match=f"app: port {port} of 127.0.0.1 is used by pid"):
            await run_python(runtime, "print('spawned')", tmp_path / "log", port)
    assert not (tmp_path / "log").exists()


async def test_the_log_tail_is_bounded(runtime: Runtime, tmp_path: Path) -> None:
    """The last lines, however much an app has written, and however long it takes to be read."""
    print_all = "print(*range(199_999), sep=chr(10))"
    app = await run_python(runtime, print_all, tmp_path / "log")
    await app.wait()
    assert app.log_tail(2) == ("199997", "199998")
    assert app.log_tail(0) == ()


async def test_a_signal_shows_as_a_negative_exit_code(runtime: Runtime, tmp_path: Path) -> None:
    """An app that was killed from outside is distinguished from one that exited."""
    app = await run_python(runtime, "import time; time.sleep(60)", tmp_path / "log")
    assert app.exit_code is None
    if isinstance(app, ContainerApp):
        app.container.kill()
    else:
        os.kill(app.pid, signal.SIGKILL)
    assert await asyncio.wait_for(app.wait(), 5.0) == -signal.SIGKILL
    assert app.exit_code == -signal.SIGKILL


SERVER = """
import socket
server = socket.create_server(("127.0.0.1", {port}))
away = socket.socket(); away.setblocking(False)
away.connect_ex(("127.0.0.1", {severed}))
print("listening", flush=True)
held, _ = server.accept()
held.recv(1)
"""


GROWS = """
import sys, time
held = bytearray(30 * 1024 * 1024)
while time.process_time() < 0.3:
    pass
sys.stdout.write("one\\ntwo\\ngrown\\n")  # in one piece, so that "grown" is the end of it
sys.stdout.flush()
time.sleep(60)
"""


async def test_what_an_app_uses_is_counted_while_it_runs(runtime: Runtime, tmp_path: Path) -> None:
    """Its memory, its processor time and its output; afterwards nothing is claimed."""
    app = await run_python(runtime, GROWS, tmp_path / "log")
    await until_said(app, "grown")
    used = await app.usage()
    assert used is not None
    assert used.rss_bytes > 30 * 1024 * 1024
    assert 0.25 <= used.cpu_s < 5.0
    assert (used.log_lines, used.log_bytes) == (3, 14)
    await app.terminate()
    assert await app.usage() is None


@LOCAL
async def test_the_sockets_of_an_app_are_seen_as_the_kernel_has_them(
    runtime: LocalRuntime, tmp_path: Path, severed_port: int
) -> None:
    """A listener, a connection, and a connect that hangs on a severed path."""
    port = await runtime.free_port()
    app = await run_python(
        runtime, SERVER.format(port=port, severed=severed_port), tmp_path / "log", port
    )
    assert app.endpoint == Endpoint(host="127.0.0.1", port=port)
    await until_said(app, "listening")
    assert {(s.state, s.remote_port) for s in app.sockets()} == {
        ("LISTEN", 0),
        ("SYN_SENT", severed_port),
    }
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    own_port = writer.get_extra_info("sockname")[1]
    end_s = now_s() + 5.0
    while own_port not in {s.remote_port for s in app.sockets() if s.state == "ESTABLISHED"}:
        assert now_s() < end_s
        await asyncio.sleep(0.01)
    writer.close()
    await app.terminate()
    assert app.sockets() == ()


FAMILY = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
group = subprocess.Popen(sleeper)
session = subprocess.Popen(sleeper, start_new_session=True)
print("family", group.pid, session.pid, flush=True)
time.sleep(60)
"""


async def test_an_app_that_ignores_sigterm_is_killed_with_all_its_family(
    runtime: Runtime, tmp_path: Path
) -> None:
    """Neither a child nor one in a session of its own outlives terminate()."""
    app = await run_python(runtime, FAMILY, tmp_path / "log")
    await until_said(app, "family")
    family = [int(pid) for pid in app.log_tail(1)[0].split()[1:]]
    start_s = now_s()
    assert await app.terminate(grace_s=0.3) == -signal.SIGKILL
    assert app.killed_after_s == 0.3
    # No sooner than the grace, and not much later on a busy machine.
    assert 0.3 <= now_s() - start_s < 3.0
    if runtime.name == "local":  # elsewhere the app has numbers of its own
        await gone(family)
    assert app.sockets() == ()


async def test_a_well_behaved_app_ends_by_sigterm_with_its_own_code(
    runtime: Runtime, tmp_path: Path
) -> None:
    """terminate() may be called twice and returns the same code."""
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    app = await run_python(runtime, code, tmp_path / "log")
    await until_said(app, "ready")
    assert await app.terminate() == 7
    assert await app.terminate() == 7
    assert app.killed_after_s is None


@LOCAL
async def test_ports_are_free_and_handed_out_once(runtime: LocalRuntime) -> None:
    """Forty requests at once get forty ports without a listener."""
    ports = await asyncio.gather(*(runtime.free_port() for _ in range(40)))
    assert len(set(ports)) == 40
    for port in ports:
        assert not await connects(port)


async def test_nothing_is_left_after_the_local_runtime_is_closed(tmp_path: Path) -> None:
    """Services (one of them frozen), an app with family, a helper: all gone, quickly."""
    async with LocalRuntime() as runtime:
        running: list[RunningService] = await asyncio.gather(
            runtime.start_service(POSTGRES), runtime.start_service(REDIS)
        )
        app = await run_python(runtime, FAMILY, tmp_path / "log")
        control = await runtime.start_proxy("embedded", seed=1, log=tmp_path / "proxy")
        proxy = await control.create("app.redis", str(running[1].upstream))
        assert await connects(proxy)
        await until_said(app, "family")
        family = [int(pid) for pid in app.log_tail(1)[0].split()[1:]]
        await running[0].pause()
    await gone([app.pid, *family])
    assert not await connects(proxy)
    for service in running:
        assert not await connects(service.endpoint.port)
    assert app.exit_code == -signal.SIGKILL


async def gone(pids: list[int], limit_s: float = 5.0) -> None:
    """Return once none of them lives; an orphan may stay a zombie until init looks at it."""
    end_s = now_s() + limit_s
    while alive := [pid for pid in pids if _lives(pid)]:
        assert now_s() < end_s, f"still alive: {alive}"
        await asyncio.sleep(0.01)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
