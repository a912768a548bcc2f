"""The `prepare` commands of apps: past every proxy, in order, and once per session if possible."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis.asyncio as redis
from runtimes.namespaces import needs_namespaces

from chaoslab.errors import ServiceFailed
from chaoslab.history.events import Prepared
from chaoslab.history.run_folder import RunFolder
from chaoslab.injection.context import Context
from chaoslab.lab.bring_up import brought_up
from chaoslab.lab.prepared import prepare_apps
from chaoslab.model.masking import mask_of
from chaoslab.model.topology import App, Service, Topology
from chaoslab.runtimes.base import RuntimeSession
from chaoslab.runtimes.local.kind import LocalSession
from chaoslab.runtimes.netns.kind import NetnsSession

COUNTS_IN_REDIS = """
import redis, sys
redis.Redis.from_url(sys.argv[1]).incr("prepared")
"""
COUNTS_IN_POSTGRES = """
import psycopg, sys
with psycopg.connect(sys.argv[1]) as client:
    client.execute("CREATE TABLE IF NOT EXISTS prepared (id int)")
    client.execute("INSERT INTO prepared VALUES (1)")
"""
QUEUE = "import http.server as h; h.HTTPServer(('127.0.0.1', {port}), h.SimpleHTTPRequestHandler)"
SERVICES = {
    "redis": Service(name="redis", kind="redis"),
    "postgres": Service(name="postgres", kind="postgres"),
    "payment": Service(
        name="payment", kind="http", settings={"answers": {"/": {"status": 200}}}
    ),
    "queue": Service(
        name="queue", kind="http",
        settings={"command": ["{python}", "-c", QUEUE + ".serve_forever()"]},
    ),
}  # fmt: skip


def topology(*commands: tuple[str, ...], links: tuple[str, ...] = ("redis",)) -> Topology:
    """One app with these `prepare` commands and links."""
    shop = App(name="shop", command=("sleep", "60"), links=links, prepare=commands)
    return Topology(
        name="t", services={each: SERVICES[each] for each in links}, apps={"shop": shop}
    )


Open = Callable[..., RuntimeSession]


@pytest.fixture
def session_of() -> Iterator[Open]:
    """Opens a session for a topology, on loopback by default; it is closed after the test."""
    with ExitStack() as stack:
        yield lambda of, kind=LocalSession: stack.enter_context(closing(kind(of, "embedded")))


@asynccontextmanager
async def prepared(
    session: RuntimeSession, of: Topology, folder: RunFolder
) -> AsyncIterator[Context]:
    """A lab whose apps were prepared, before any boot."""
    folder.path.mkdir(exist_ok=True)
    async with (
        session.lab() as runtime,
        brought_up(of, runtime, proxy="embedded", seed=1, folder=folder, mask=mask_of(of)) as up,
    ):
        await prepare_apps(up, folder)
        yield up


async def counted(context: Context) -> dict[str, int]:
    """How often the commands have counted in each server."""
    found = {}
    for name, running in context.services.items():
        url = running.url(running.endpoint)
        if name == "redis":
            async with redis.Redis.from_url(url) as client:
                found[name] = int(await client.get("prepared") or 0)
        elif name == "postgres":
            async with await psycopg.AsyncConnection.connect(url) as client:
                row = await (await client.execute("SELECT count(*) FROM prepared")).fetchone()
                found[name] = row[0] if row else 0
    return found


async def test_commands_run_in_order_and_past_the_proxies(tmp_path: Path, session_of: Open) -> None:
    """Their output is in a log of its own, and the history has that they succeeded."""
    first, second = ("sh", "-c", "echo one {redis.url}"), ("sh", "-c", "echo two $SEED")
    of = topology(first, second)
    of = replace(of, apps={"shop": replace(of.apps["shop"], env={"SEED": "{redis.port}"})})
    folder = RunFolder(tmp_path / "run")
    async with prepared(session_of(of), of, folder) as context:
        server = context.services["redis"].endpoint
        done = context.journal.history.first(Prepared)
    log = folder.log_path("prepare-shop").read_text()
    assert log == f"one redis://{server}/0\ntwo {server.port}\n"
    assert done is not None
    assert (done.app, done.restored, len(done.commands)) == ("shop", False, 2)


async def test_a_failing_command_is_an_error_with_its_last_lines(
    tmp_path: Path, session_of: Open
) -> None:
    """It names the command and its place, and secrets are masked. The next one is not run."""
    fails = ("sh", "-c", "echo no column $0; exit 3", "--password=hunter2-hunter2")
    of = topology(("true",), fails, ("sh", "-c", "echo later"))
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(ServiceFailed) as caught:
        async with prepared(session_of(of), of, folder):
            pass
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("prepare.failed", "apps.shop.prepare[1]")
    assert problem.data["how"] == "exit status 3"
    assert problem.lines == ("no column --password=***",)
    assert "later" not in folder.log_path("prepare-shop").read_text()


async def test_a_command_that_takes_too_long_is_killed(tmp_path: Path, session_of: Open) -> None:
    """The limit is that of the app."""
    of = topology(("sh", "-c", "echo waits; exec sleep 60"))
    of = replace(of, apps={"shop": replace(of.apps["shop"], prepare_timeout_s=0.5)})
    with pytest.raises(ServiceFailed) as caught:
        async with prepared(session_of(of), of, RunFolder(tmp_path / "run")):
            pass
    (problem,) = caught.value.problems
    assert (problem.code, problem.data["within_s"]) == ("prepare.too_slow", 0.5)
    assert problem.lines == ("waits",)


@pytest.mark.parametrize("name", ["loopback", "netns"])
async def test_later_labs_of_a_session_begin_with_the_prepared_data(
    tmp_path: Path, session_of: Open, name: str
) -> None:
    """The commands run once; what the first lab writes afterwards is not in the second."""
    if name == "netns":
        needs_namespaces()
    commands = (
        ("{python}", "-c", COUNTS_IN_REDIS, "{redis.url}"),
        ("{python}", "-c", COUNTS_IN_POSTGRES, "{postgres.url}"),
    )
    of = topology(*commands, links=("redis", "postgres", "payment"))
    session = session_of(of, LocalSession if name == "loopback" else NetnsSession)
    once = {"redis": 1, "postgres": 1}
    async with prepared(session, of, RunFolder(tmp_path / "one")) as context:
        assert await counted(context) == once
        redis_ = context.services["redis"]
        async with redis.Redis.from_url(redis_.url(redis_.endpoint)) as client:
            await client.incr("prepared")
    for number in ("two", "three"):
        async with prepared(session, of, RunFolder(tmp_path / number)) as context:
            assert await counted(context) == once
            done = context.journal.history.first(Prepared)
        assert done is not None
        assert done.restored
        assert not RunFolder(tmp_path / number).log_path("prepare-shop").exists()


async def test_data_that_the_lab_does_not_know_is_prepared_in_each_lab(
    tmp_path: Path, session_of: Open
) -> None:
    """The command of a service may keep anything anywhere."""
    command = ("{python}", "-c", COUNTS_IN_REDIS, "{redis.url}")
    of = topology(command, links=("redis", "queue"))
    session = session_of(of)
    for number in ("one", "two"):
        async with prepared(session, of, RunFolder(tmp_path / number)) as context:
            assert await counted(context) == {"redis": 1}
            done = context.journal.history.first(Prepared)
        assert done is not None
        assert not done.restored
