"""How a lab's proxy server is started, on the local runtime."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab.errors import RuntimeUnavailable
from chaoslab.proxies import server
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.server import ProxyKind
from chaoslab.runtimes.local import LocalRuntime
from chaoslab.services import last_messages

from .conftest import NO_TOXIPROXY, toxiproxy_binary


async def start(kind: ProxyKind, runtime: LocalRuntime, log: Path) -> server.ToxiproxyControl:
    async def spawn(command: tuple[str, ...]) -> server.SpawnedServer:
        return await runtime.spawn_helper(command=command, env={}, log=log)

    return await server.start(
        kind, seed=7, spawn=spawn, free_port=runtime.free_port, last_messages=last_messages()
    )


async def test_the_embedded_engine_gets_the_seed_of_the_run(tmp_path: Path) -> None:
    """Read back from the running engine, together with all that it can do here."""
    async with LocalRuntime() as runtime:
        control = await start("embedded", runtime, tmp_path / "log")
        assert isinstance(control, EmbeddedControl)
        assert (await control._call(lambda: control._get("/chaoslab")))["seed"] == 7
        assert {"connect", "silence", "triggers", "connections"} <= control.capabilities
        await control.close()


async def test_a_real_toxiproxy_is_taken_from_the_path(tmp_path: Path) -> None:
    """Whatever stands on PATH under that name, and no other."""
    if toxiproxy_binary() is None:
        pytest.skip(NO_TOXIPROXY)
    async with LocalRuntime() as runtime:
        control = await start("toxiproxy", runtime, tmp_path / "log")
        assert control.name == "toxiproxy"
        assert control.version
        await control.close()


async def test_without_a_toxiproxy_the_user_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The option, the program that is missing, and the way out."""
    monkeypatch.setenv("PATH", str(tmp_path))
    async with LocalRuntime() as runtime:
        with pytest.raises(RuntimeUnavailable, match=r"is not on PATH\n.*embedded"):
            await start("toxiproxy", runtime, tmp_path / "log")
