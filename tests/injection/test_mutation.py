"""A disabled fault: proxy or service report it as in force, and it affects no client."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chaoslab import (
    CutMidstream,
    Flapping,
    Killed,
    OneWay,
    Paused,
    Restarted,
    Severed,
    Slow,
    Stopped,
    Throttled,
)
from chaoslab.faults.base import MutationKind
from chaoslab.faults.mutation import (
    Mutation,
    aimed,
)
from chaoslab.history.events import CanaryProbe, LinkConnection, LinkDrops
from chaoslab.history.journal import History
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.injection.triggered import TriggeredInjection
from chaoslab.model.faults import Declared
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.when import connection
from chaoslab.proxies.embedded import EmbeddedControl

from .rig import PATIENCE_S, TOPOLOGY, Written, dial, make_canaries_patient, new_client_meets

LINK = "app.redis"
NO_CANARY = ("throttled", "cut_midstream", "restarted")  # a canary cannot observe these

NETWORK: dict[str, Declared] = {
    "dropped": Severed(target=LINK),
    "refused": Severed(target=LINK, mode="refused"),
    "silent": Severed(target=LINK, mode="silent"),
    "dropped_and_dead": Severed(target=LINK, at_heal="dead"),
    "silent_and_reset": Severed(target=LINK, mode="silent", at_heal="reset"),
    "silent_and_dead": Severed(target=LINK, mode="silent", at_heal="dead"),
    "one_way": OneWay(target=LINK),
    "slow": Slow(target=LINK, latency_s=0.3),
    "flapping": Flapping(target=LINK, period_s=0.2),
    "throttled": Throttled(target=LINK, rate_kb_per_s=1),
    "cut_midstream": CutMidstream(target=LINK, after_bytes=3),
}
SERVICE: dict[str, Declared] = {
    "stopped": Stopped(target="redis"),
    "killed": Killed(target="redis"),
    "paused": Paused(target="redis"),
    "restarted": Restarted(target="redis"),
}
SERVED_S = PATIENCE_S  # no client is delayed; this is for a busy machine


@pytest.fixture
def patient_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let canaries wait longer: a canary that does not wait would take a stalled server for a
    fault in force.
    """
    make_canaries_patient(monkeypatch)


def disabled(context: Context, spec: Declared, kind: MutationKind) -> Context:
    """The context of a lab that disables this fault."""
    plan = resolve(Plan(faults=(spec,)), TOPOLOGY)
    mutation = aimed(Mutation(kind=kind, fault=spec.label), plan, TOPOLOGY)
    return replace(context, disabled=mutation)


def connections(history: History) -> list[LinkConnection]:
    """Those of this test; the engine also has those of earlier tests."""
    return [c for c in history.of(LinkConnection) if c.opened_s > 0]


async def assert_served(port: int) -> None:
    """A new client gets its answer."""
    assert await new_client_meets(port, within_s=SERVED_S) == "+PONG"


@pytest.mark.usefixtures("patient_canaries")
@pytest.mark.parametrize("name", [*NETWORK, *SERVICE])
@pytest.mark.asyncio(loop_scope="session")
async def test_an_inert_fault_is_accepted_and_affects_no_client(
    context: Context, port: int, name: str
) -> None:
    """Established and new connections are served, and a canary observes no fault."""
    spec = (NETWORK | SERVICE)[name]
    mutated = disabled(context, spec, "inert")
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, mutated), mutated):
        assert await old.meets(within_s=SERVED_S) == "+PONG"
        await assert_served(port)
    assert await old.meets(within_s=SERVED_S) == "+PONG"
    old.close()
    written, history = Written(mutated.journal.history, spec.label), mutated.journal.history
    if name in NO_CANARY:
        written.assert_complete()
    else:
        assert written.kinds == ["requested", "missed", "healing", "healed"]
        assert "answered" in written.why_missed
    assert not any(c.effects for c in connections(history))
    assert not list(history.of(LinkDrops))
    await assert_served(port)


@pytest.mark.parametrize("name", ["dropped", "silent", "slow"])
@pytest.mark.asyncio(loop_scope="session")
async def test_the_api_shows_an_inert_fault_as_in_force(
    context: Context, port: int, name: str
) -> None:
    """A read-back does not reveal it; only the engine's own API does."""
    spec = NETWORK[name]
    mutated = disabled(context, spec, "inert")
    control = context.control
    assert isinstance(control, EmbeddedControl)
    async with injected(prepare(spec, mutated), mutated):
        proxy = await control._call(lambda: control._get(f"/proxies/{LINK}"))
        shown = await control._call(lambda: control._get(f"/chaoslab/proxies/{LINK}"))
        await assert_served(port)
    types = {"dropped": set[str](), "silent": {"silence"}, "slow": {"latency"}}[name]
    assert {toxic["type"] for toxic in proxy["toxics"]} == types
    assert (shown["connect"]["mode"] == "dropped") is (name == "dropped")
    assert set(shown["inert"]["toxics"]) >= {toxic["name"] for toxic in proxy["toxics"]}


@pytest.mark.usefixtures("patient_canaries")
@pytest.mark.parametrize("mode", ["dropped", "silent"])
@pytest.mark.asyncio(loop_scope="session")
async def test_an_inert_trigger_fires_and_does_not_affect_the_app(
    context: Context, port: int, mode: str
) -> None:
    """The engine reports when it fired, and the connection that fired it is served."""
    spec = Severed(target="vpc", mode=mode, start=connection(LINK))  # type: ignore[arg-type]
    mutated = disabled(context, spec, "inert")
    fault = prepare(spec, mutated)
    assert isinstance(fault, TriggeredInjection)
    await fault.arm()
    await assert_served(port)
    assert await fault.fired()
    async with injected(fault, mutated, armed=True):
        await assert_served(port)
    assert "answered" in Written(mutated.journal.history, spec.label).why_missed


@pytest.mark.parametrize("name", ["dropped", "refused", "silent", "slow"])
@pytest.mark.asyncio(loop_scope="session")
async def test_a_fault_that_is_inert_to_the_app_affects_only_canaries(
    context: Context, port: int, name: str
) -> None:
    """It is observed in force, and no connection of the app was affected."""
    spec = NETWORK[name]
    mutated = disabled(context, spec, "inert-to-app")
    assert mutated.disabled is not None
    twin = mutated.disabled.twin_of(LINK)
    assert twin is not None
    upstream = str(context.services["redis"].upstream)
    canaries = context.runtime.proxied(await context.control.create(twin, upstream))
    mutated = replace(mutated, canary_addresses={LINK: canaries})
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, mutated), mutated):
        assert await old.meets(within_s=SERVED_S) == "+PONG"
        await assert_served(port)
        assert await new_client_meets(canaries.port) != "+PONG"
    old.close()
    await context.control.delete(twin)
    history = mutated.journal.history
    Written(history, spec.label).assert_complete()
    assert not any(c.effects or c.end == "reset_by_fault" for c in connections(history))
    assert not list(history.of(LinkDrops))
    ports = {c.client_port for c in connections(history)}
    assert ports.isdisjoint(c.client_port for c in history.of(CanaryProbe))


@pytest.mark.asyncio(loop_scope="session")
async def test_only_the_fault_that_is_named_is_disabled(
    context: Context, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another fault on the same link, of the same kind and with the same actions, has effect."""
    first, second = Severed(name="first", target=LINK), Severed(name="second", target=LINK)
    mutated = disabled(context, first, "inert")
    with monkeypatch.context() as patient:
        make_canaries_patient(patient)
        async with injected(prepare(first, mutated), mutated):
            await assert_served(port)
    async with injected(prepare(second, mutated), mutated):
        assert await new_client_meets(port) == "dropped"
    assert Written(mutated.journal.history, "first").why_missed
    Written(mutated.journal.history, "second").assert_complete()
