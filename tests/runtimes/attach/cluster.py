"""A small staging cluster that the lab did not start: real servers, a proxy server, a real app."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from chaoslab import services
from chaoslab.clock import now_s
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.model.loader import load_topology
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Attach, Deadlines, Topology
from chaoslab.model.verdict import Verdict
from chaoslab.proxies.base import ProxyKind
from chaoslab.proxies.toxiproxy import ToxiproxyControl
from chaoslab.runtimes.attach.runtime import AttachedRuntime
from chaoslab.runtimes.base import AppStart, RunningService
from chaoslab.runtimes.local import LocalRuntime

REFERENCE = load_topology(Path(__file__).parents[3] / "chaoslab.toml", kinds=services.kinds())
PROXIES = {"postgres": "pg", "redis": "cache"}
STARTED_WITHIN_S = 30.0  # an interpreter that starts on a machine that others use as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """What runs, and where."""

    control: ToxiproxyControl
    services: Mapping[str, RunningService]
    topology: Topology

    @property
    def attach(self) -> Attach:
        assert self.topology.attach is not None
        return self.topology.attach

    async def proxies(self) -> dict[str, dict[str, object]]:
        """How the proxy server shows its proxies: all that a lab may not leave changed."""
        async with httpx.AsyncClient(trust_env=False) as client:
            shown: dict[str, dict[str, object]] = (
                await client.get(f"{self.control.base_url}/proxies")
            ).json()
            return shown

    async def run(self, plan: Plan, folder: Path) -> tuple[Verdict, ...]:
        """One plan, by a lab that attaches."""
        setting = Setting(seed=1, open_runtime=lambda: AttachedRuntime(self.topology))
        # A lab that stalls with its machine judges all the same: the deadlines are long.
        patient = replace(plan, max_lag_s=5.0)
        return await carry_out(self.topology, patient, setting, RunFolder(folder))


@asynccontextmanager
async def cluster(kind: ProxyKind, folder: Path, *, past: bool = False) -> AsyncIterator[Cluster]:
    """The reference system as an external one. `past` connects the app past the proxies."""
    async with LocalRuntime() as runtime:
        control = await runtime.start_proxy(kind, seed=1, log=folder / "proxy.log")
        assert isinstance(control, ToxiproxyControl)
        names = [*REFERENCE.services]
        running = await asyncio.gather(*(runtime.start_service(s) for s in map(_service, names)))
        services = dict(zip(names, running, strict=True))
        ports = {n: await control.create(PROXIES[n], str(services[n].upstream)) for n in names}
        backend, port = REFERENCE.apps["backend"], await runtime.free_port()
        proxied = {n: services[n].url(runtime.proxied(ports[n])) for n in names}
        urls = {n: services[n].url(services[n].endpoint) for n in names}
        told = urls if past else proxied
        env = {**backend.env, "HOST": "127.0.0.1", "PORT": str(port)}
        env |= {"DATABASE_URL": told["postgres"], "REDIS_URL": told["redis"]}
        command = (sys.executable, *backend.command[1:])
        await runtime.spawn_app(
            AppStart(app=backend, command=command, env=env, port=port, log=folder / "app.log")
        )
        await _healthy(port)
        attach = Attach(
            toxiproxy=control.base_url,
            apps={"backend": f"http://127.0.0.1:{port}"},
            links={f"backend.{name}": proxy for name, proxy in PROXIES.items()},
            services=urls,
        )
        # Not its own deadlines: what is tried is the lab, whatever the app is held up by.
        apps = {"backend": replace(backend, deadlines=Deadlines())}
        topology = replace(REFERENCE, attach=attach, apps=apps)
        yield Cluster(control=control, services=services, topology=topology)
        await control.close()


def _service(name: str):  # type: ignore[no-untyped-def]
    return REFERENCE.services[name]


async def _healthy(port: int) -> None:
    deadline_s = now_s() + STARTED_WITHIN_S
    async with httpx.AsyncClient(trust_env=False) as client:
        while now_s() < deadline_s:
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/health")
                if answer.json()["status"] == "healthy":
                    return
            except (httpx.HTTPError, ValueError):
                pass
            await asyncio.sleep(0.05)  # another process starts; it tells nobody
    raise RuntimeError(f"the app was not healthy within {STARTED_WITHIN_S} s")
