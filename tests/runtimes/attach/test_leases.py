"""What is in force on an external proxy is recorded and healed, whatever happens to the lab."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from rigs.problems import problem

from chaoslab import Severed
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.faults.severed import SeveredMode
from chaoslab.model.topology import Topology
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.attach.kind import AttachSession
from chaoslab.runtimes.attach.lease import lease_paths
from chaoslab.runtimes.attach.leftovers import find
from chaoslab.runtimes.attach.runtime import AttachedRuntime
from chaoslab.runtimes.base import Runtime
from chaoslab.runtimes.cleaning import removed
from chaoslab.runtimes.kind import runtime_kind
from chaoslab.runtimes.local import LocalRuntime

from .lab_process import topology

pytestmark = pytest.mark.asyncio(loop_scope="session")
LAB = Path(__file__).with_name("lab_process.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A proxy server with one proxy of the system's, `cache`, and one of others', `other`."""

    api: str

    @property
    def system(self) -> Topology:
        return topology(self.api, "cache")

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        async with httpx.AsyncClient(base_url=self.api, trust_env=False) as client:
            answer = await client.request(method, path, json=body)
        return answer.json() if answer.is_success and answer.content else {}

    async def proxies(self) -> Any:
        return await self.ask("GET", "/proxies")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def _server(
    kind: ProxyKind, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Server]:
    async with LocalRuntime() as runtime:
        log = tmp_path_factory.mktemp("server") / "log"
        control = await runtime.start_proxy(kind, seed=1, log=log)
        assert isinstance(control, ToxiproxyControl)
        for name in ("cache", "other"):
            await control.create(name, "127.0.0.1:9")
        yield Server(api=control.base_url)
        await control.close()


@pytest_asyncio.fixture(loop_scope="session")
async def server(_server: Server) -> AsyncIterator[Server]:
    """Whole before every test, and left so by every one."""
    whole = await _server.proxies()
    yield _server
    await _server.ask("POST", "/reset")
    assert await _server.proxies() == whole


@contextmanager
def lab(
    server: Server, mode: SeveredMode, *, proxy: str = "cache"
) -> Iterator[subprocess.Popen[str]]:
    """Another lab, with a fault in force; killed at the end if it still lives."""
    command = [sys.executable, str(LAB), server.api, proxy, mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in force\n"
        try:
            yield process
        finally:
            process.kill()


async def severed(runtime: Runtime, system: Topology, mode: SeveredMode) -> None:
    """Put it in force through the runtime, and leave it so."""
    control = await runtime.start_proxy("toxiproxy", seed=1, log=Path("/dev/null"))
    fault = Severed(target="shop.redis", mode=mode)
    can = control.capabilities
    for action in (a for link in system.links for a in fault.actions(link.name, can)):
        await control.apply(action)


async def killed(server: Server, mode: SeveredMode) -> None:
    """A lab that dies with a fault in force."""
    with lab(server, mode) as process:
        process.kill()
        await asyncio.to_thread(process.wait)


@pytest.mark.parametrize("mode", ["refused", "silent"])
async def test_what_a_killed_lab_left_is_reported_and_healed(
    server: Server, mode: SeveredMode
) -> None:
    """By `chaoslab clean`, which finds it without asking any server."""
    whole = await server.proxies()
    await killed(server, mode)
    assert await _in_force(server) != []
    (leftover,) = find().leftovers
    assert server.api in leftover.what
    assert "cache: " in leftover.what
    assert list(removed([leftover])) == [(leftover, "")]
    assert await server.proxies() == whole
    assert await _in_force(server) == []
    assert find().leftovers == []


async def test_the_next_run_heals_what_a_killed_lab_left_and_notes_it(server: Server) -> None:
    """Before it checks whether the path works."""
    await killed(server, "silent")
    async with AttachedRuntime(server.system) as runtime:
        assert runtime.external is not None
        (note,) = runtime.external.notes
        assert await _in_force(server) == []
    assert note.startswith("healed a fault left in force by the lab of process ")
    assert "cache: toxic chaoslab.severed:shop.redis.upstream" in note


async def test_a_living_labs_faults_are_left_alone(server: Server) -> None:
    """No second lab injects there, and nothing of it counts as left over."""
    with lab(server, "silent") as process:
        found = find()
        with pytest.raises(RuntimeUnavailable, match=f"process {process.pid} .*injects through"):
            async with AttachedRuntime(server.system):
                pass
        assert await _in_force(server) != []
    assert found.leftovers == []
    assert "which is running" in found.notes[0]
    await asyncio.to_thread(process.wait)
    assert [why for _, why in removed(find().leftovers)] == [""]


async def test_whatever_is_still_in_force_at_the_end_is_healed(server: Server) -> None:
    """A lab that is interrupted may not have come to heal its faults."""
    whole = await server.proxies()
    with pytest.raises(KeyboardInterrupt):
        await _interrupted(server)
    assert await server.proxies() == whole
    assert find().leftovers == []


async def test_what_cannot_be_healed_is_reported_and_stays_recorded(
    server: Server, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server may be out of reach at that moment; the next one to come tries again."""
    monkeypatch.setattr("chaoslab.runtimes.attach.runtime.heal", _unreachable)
    with pytest.raises(ServiceFailed, match=r"still in force: cache: .*\n(.*\n)*.*tries again"):
        await _left_severed(server)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_STATE_HOME", str(state.parents[1]))
    assert [why for _, why in removed(find().leftovers)] == [""]
    assert await _in_force(server) == []


async def _interrupted(server: Server) -> None:
    async with AttachedRuntime(server.system) as runtime:
        await severed(runtime, server.system, "silent")
        raise KeyboardInterrupt


async def _left_severed(server: Server) -> None:
    async with AttachedRuntime(server.system) as runtime:
        await severed(runtime, server.system, "refused")


def _unreachable(_: object) -> None:
    raise RuntimeUnavailable(problem("nobody answers"))


async def test_a_proxy_that_is_gone_has_nothing_in_force(server: Server) -> None:
    """Whoever runs the system may have made it anew: then the lease is all that is left."""
    await server.ask("POST", "/proxies", {"name": "brief", "listen": "127.0.0.1:0",
                                          "upstream": "127.0.0.1:9"})  # fmt: skip
    with lab(server, "silent", proxy="brief") as process:
        process.kill()
    await server.ask("DELETE", "/proxies/brief")
    assert [why for _, why in removed(find().leftovers)] == [""]


async def test_a_run_begins_only_on_working_paths(server: Server) -> None:
    """A proxy that is missing, disabled, or has an unknown lab's toxic: all reported at once."""
    attach = server.system.attach
    assert attach is not None
    links = {"shop.redis": "cache", "shop.other": "othr"}
    system = replace(server.system, attach=replace(attach, links=links))
    await server.ask("POST", "/proxies/cache", {"enabled": False})
    with pytest.raises(RuntimeUnavailable) as refused:
        async with AttachedRuntime(system):
            pass
    assert "'cache' is disabled" in str(refused.value)
    assert "'othr' does not exist\n  expected one of: cache, other" in str(refused.value)
    await server.ask("POST", "/proxies/cache", {"enabled": True})
    toxic = {"name": "chaoslab.x", "type": "latency", "attributes": {"latency": 1}}
    await server.ask("POST", "/proxies/cache/toxics", toxic)
    with pytest.raises(
        RuntimeUnavailable, match=r"has chaoslab\.x, left by a lab that is unknown here"
    ):
        async with AttachedRuntime(server.system):
            pass
    assert find().leftovers == []


async def test_toxics_of_others_stay_and_are_noted(server: Server) -> None:
    """Somebody slows this path on purpose: that is their business."""
    toxic = {"name": "theirs", "type": "latency", "attributes": {"latency": 1}}
    await server.ask("POST", "/proxies/cache/toxics", toxic)
    found = await server.proxies()
    async with AttachedRuntime(server.system) as runtime:
        assert runtime.external is not None
        assert runtime.external.notes == (
            "proxy cache has toxics of others, left unchanged: theirs",
        )
        await severed(runtime, server.system, "silent")
    assert await server.proxies() == found


async def test_a_missing_server_is_reported_with_the_fix(server: Server) -> None:
    """At the check before a session as at the run itself."""
    gone = topology("http://127.0.0.1:9", "cache")
    with pytest.raises(RuntimeUnavailable, match="expected Toxiproxy's API there"):
        AttachSession(gone, "toxiproxy").check()
    with pytest.raises(RuntimeUnavailable, match="forward its port"):
        async with AttachedRuntime(gone):
            pass
    session = runtime_kind("attach").open_session(server.system, "toxiproxy")
    assert isinstance(session, AttachSession)
    session.check()
    with pytest.raises(RuntimeUnavailable, match=r"has no \[attach\]"):
        AttachedRuntime(replace(gone, attach=None))


async def test_nothing_is_injected_that_cannot_be_written_down(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in place of the folder, as with a home that cannot be written."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(RuntimeUnavailable, match="set XDG_STATE_HOME"):
        async with AttachedRuntime(server.system):
            pass


async def test_a_lease_that_cannot_be_read_is_no_leftover_and_stops_a_run(server: Server) -> None:
    """It may hide what is in force: a person must look."""
    async with AttachedRuntime(server.system):
        (path,) = lease_paths()
    path.write_text("{")
    assert find().leftovers == []
    assert "cannot be read" in find().notes[0]
    with pytest.raises(RuntimeUnavailable, match="check the proxies' toxics by hand"):
        async with AttachedRuntime(server.system):
            pass


async def _in_force(server: Server) -> list[str]:
    """What is in force on the system's proxy, connect modes of an engine included."""
    shown = (await server.proxies())["cache"]
    found = [toxic["name"] for toxic in shown["toxics"]]
    beyond = await server.ask("GET", "/chaoslab/proxies/cache") if shown["enabled"] else {}
    if not shown["enabled"]:
        found.append("disabled")
    if (beyond.get("connect") or {}).get("mode", "accept") != "accept":
        found.append(beyond["connect"]["mode"])
    return found
