"""How a lab's proxy server is started, on the local runtime."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from chaoslab.clock import now_s
from chaoslab.errors import RuntimeUnavailable, ServiceFailed
from chaoslab.proxies import server
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.server import ProxyKind
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import last_messages

from .conftest import NO_TOXIPROXY, toxiproxy_binary


async def start(kind: ProxyKind, runtime: LocalRuntime, log: Path) -> server.ToxiproxyControl:
    def spawn(command: tuple[str, ...]) -> server.SpawnedServer:
        return runtime.spawn_helper("the proxy server", command, log=log)

    port = await runtime.free_port()
    return await server.start(kind, port=port, seed=7, last_messages=last_messages(), spawn=spawn)


async def test_the_embedded_engine_gets_the_seed_of_the_run(tmp_path: Path) -> None:
    """Read back from the running engine, together with all that it can do here."""
    async with LocalRuntime() as runtime:
        control = await start("embedded", runtime, tmp_path / "log")
        assert isinstance(control, EmbeddedControl)
        assert (await control._call(lambda: control._get("/chaoslab")))["seed"] == 7
        assert {"connect", "silence", "triggers", "connections"} <= control.capabilities
        await control.close()


async def test_a_real_toxiproxy_is_found_on_the_path(tmp_path: Path) -> None:
    """The program of that name on PATH, and no other."""
    if toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    async with LocalRuntime() as runtime:
        control = await start("toxiproxy", runtime, tmp_path / "log")
        assert control.name == "toxiproxy"
        assert control.version
        await control.close()


async def test_a_missing_toxiproxy_is_reported_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option, the missing program, and the fix."""
    monkeypatch.setenv("PATH", str(tmp_path))
    async with LocalRuntime() as runtime:
        with pytest.raises(RuntimeUnavailable, match=r"is not on PATH\n.*embedded"):
            await start("toxiproxy", runtime, tmp_path / "log")


async def test_a_server_that_ends_at_start_is_reported_at_once(tmp_path: Path) -> None:
    """With its last lines, and not after the time-out of its API."""
    async with LocalRuntime() as runtime:

        def spawn(_: tuple[str, ...]) -> server.SpawnedServer:
            command = (sys.executable, "-c", "raise SystemExit('no such option')")
            return runtime.spawn_helper("the proxy server", command, log=tmp_path / "log")

        port, begun_s = await runtime.free_port(), now_s()
        with pytest.raises(ServiceFailed, match=r"exit status 1\n  \| no such option"):
            await server.start("embedded", port=port, seed=7, last_messages="{}", spawn=spawn)
        assert now_s() - begun_s < server.READY_WITHIN_S
