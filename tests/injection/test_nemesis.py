"""The nemesis injects each fault at its trigger, heals all, and records why one was missed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import pytest

from chaoslab import Flapping, OneWay, Paused, Severed, Slow
from chaoslab.errors import FaultUnsupported, InjectionFailed, Problem
from chaoslab.history.events import (
    AnyEvent,
    Exited,
    FaultEffect,
    FaultHealed,
    FaultHealing,
    FaultInForce,
    FaultMissed,
    FaultRequested,
    Spawned,
    StartupComplete,
    TriggerMissed,
)
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.prepare import prepare
from chaoslab.injection.schedule import Nemesis
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthState
from chaoslab.model.plan import Plan, resolve
from chaoslab.model.when import AtMoment, affected, connection, in_force, spawned, started
from chaoslab.proxies.embedded import EmbeddedControl
from chaoslab.proxies.filtered import NO_DEAD_PACKETS
from chaoslab.proxies.toxiproxy import ToxiproxyControl

from .rig import PATIENCE_S, Written, comes_to, dial, new_client_meets

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = "app.redis"
REFUSED = Severed(target=LINK, mode="refused")


@asynccontextmanager
async def running(context: Context, *faults: Declared) -> AsyncIterator[asyncio.Event]:
    """A running nemesis whose faults are armed. At the end of the block the run is over."""
    over = asyncio.Event()
    nemesis = Nemesis(resolve(Plan(faults=faults), context.topology), context, over)
    task = asyncio.create_task(nemesis.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            await nemesis.armed()
        yield over
    finally:
        over.set()
        async with asyncio.timeout(PATIENCE_S):
            await task


def write_spawn(context: Context) -> float:
    """Record that the app was spawned."""
    at_s = context.journal.now()
    context.journal.append(Spawned(at_s=at_s, app="app", boot=1, pid=1, port=1, argv=(), env={}))
    return at_s


async def until_written(context: Context, kind: type, count: int = 1) -> None:
    """Wait until the history has `count` events of a kind."""
    found = await context.journal.wait_for(
        lambda events: events[-1] if sum(isinstance(e, kind) for e in events) >= count else None,
        PATIENCE_S,
    )
    assert found is not None, [event.kind for event in context.journal.history.events]


async def test_a_fault_before_the_spawn_is_in_force_once_armed(context: Context, port: int) -> None:
    """Without a stop it stays in force until the run is over."""
    async with running(context, REFUSED):
        assert context.journal.history.first(FaultInForce) is not None
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
    assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    Written(context.journal.history, REFUSED.label).assert_complete()
    healing = context.journal.history.first(FaultHealing)
    assert healing is not None
    assert healing.why == "the run is over"


async def test_a_fault_starts_and_stops_at_its_moments(context: Context, port: int) -> None:
    """Not before the seconds after the moment have passed, and soon after that."""
    spec = replace(REFUSED, start=spawned(0.1), stop=in_force(REFUSED.label, 0.2))
    async with running(context, spec):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
        spawned_s = write_spawn(context)
        await until_written(context, FaultHealing)
    requested, seen, healing, _ = Written(context.journal.history, spec.label)
    # three seconds each for a machine that is shared
    assert spawned_s + 0.1 <= requested.at_s < spawned_s + 3.1
    assert seen.at_s + 0.2 <= healing.at_s < seen.at_s + 3.2
    assert isinstance(healing, FaultHealing)
    assert healing.why == "its time is over"


async def missed(context: Context) -> None:
    """Wait until a fault is recorded as missed."""

    def found(events: Sequence[AnyEvent]) -> AnyEvent | None:
        return next((event for event in events if isinstance(event, FaultMissed)), None)

    assert await context.journal.wait_for(found, PATIENCE_S) is not None


async def test_a_fault_whose_start_does_not_occur_is_missed(context: Context, port: int) -> None:
    """The history has the moment that it waited for."""
    spec = replace(REFUSED, start=replace(started(), within_s=0.1))
    async with running(context, spec):
        await missed(context)
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
        written = Written(context.journal.history, spec.label)
        assert written.kinds == ["missed"]
        assert (
            written.why_missed == "its start (a completed start-up): it did not occur within 0.1 s"
        )


async def test_a_fault_that_had_not_started_at_the_runs_end_is_missed(context: Context) -> None:
    """The reason is the run's end, not the time limit of the moment."""
    spec = replace(REFUSED, start=started())
    async with running(context, spec):
        pass
    written = Written(context.journal.history, spec.label)
    assert written.kinds == ["missed"]
    assert written.why_missed == "its start (a completed start-up): the run ended first"


async def test_a_fault_that_is_unsupported_once_the_app_runs_says_so(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was not injected, as one before the spawn; nothing of the app is meant."""

    async def cannot(*_: object) -> None:
        raise FaultUnsupported(Problem(reason=NO_DEAD_PACKETS(server="it", cause="no filter")))

    monkeypatch.setattr(type(context.control), "apply", cannot)
    async with running(context, replace(REFUSED, start=spawned())):
        write_spawn(context)
        await missed(context)
    (found,) = context.journal.history.of(FaultMissed)
    assert (found.unsupported, found.why.code) == (True, NO_DEAD_PACKETS.name)
    with pytest.raises(FaultUnsupported):
        async with running(context, REFUSED):
            pass


async def test_a_fault_whose_stop_does_not_occur_is_healed_and_recorded(context: Context) -> None:
    """The history says that the moment did not occur."""
    spec = replace(REFUSED, stop=AtMoment(moment="degraded", within_s=0.1))
    async with running(context, spec):
        await until_written(context, FaultHealing)
    Written(context.journal.history, spec.label).assert_complete()
    healing = context.journal.history.first(FaultHealing)
    assert healing is not None
    assert healing.why == "its stop (a change to degraded): it did not occur within 0.1 s"
    (missed,) = context.journal.history.of(TriggerMissed)
    assert (missed.place, missed.moment) == ("faults[0].stop", spec.stop)


async def test_a_fault_whose_stop_can_no_longer_occur_is_healed_at_once(context: Context) -> None:
    """The only process has exited and is not restarted, so no start-up can complete."""
    spec = replace(REFUSED, stop=replace(started(), within_s=60.0))
    async with running(context, spec):
        await until_written(context, FaultInForce)
        write_spawn(context)
        context.journal.append(
            Exited(at_s=0.0, app="app", boot=1, exit_code=1, asked=False, log_tail=())
        )
        await until_written(context, FaultHealed)
    (missed,) = context.journal.history.of(TriggerMissed)
    assert (missed.why.code, missed.why.data["apps"]) == ("trigger.no_process", ("app",))


async def test_a_stop_that_occurred_before_the_runs_end_is_not_missed(context: Context) -> None:
    """The run ends while the seconds after the moment pass; the moment itself occurred."""
    spec = replace(REFUSED, stop=replace(spawned(60.0), within_s=60.0))
    async with running(context, spec):
        await until_written(context, FaultInForce)
        write_spawn(context)
    assert context.journal.history.first(TriggerMissed) is None
    assert context.journal.history.first(FaultHealed) is not None


async def test_a_fault_is_held_from_its_first_effect_on_an_app(context: Context, port: int) -> None:
    """A connection that is opened through it shows the effect, long before the heal."""
    spec = Severed(target=LINK, mode="silent")
    spec = replace(spec, stop=affected(spec.label, 0.3, within_s=60.0))
    async with running(context, spec):
        await until_written(context, FaultInForce)
        write_spawn(context)
        client = await dial(port)
        assert await client.meets() == "silent"
        await until_written(context, FaultHealing)
        client.close()
    (effect,) = context.journal.history.of(FaultEffect)
    assert (effect.fault, effect.app, effect.what.code) == (spec.label, "app", "fault.bytes_held")
    healing = context.journal.history.first(FaultHealing)
    assert healing is not None
    assert effect.at_s + 0.3 <= healing.at_s < effect.at_s + 3.3  # a machine that is shared
    assert healing.why == "its time is over"


async def test_a_fault_without_an_effect_is_healed_when_its_wait_is_over(context: Context) -> None:
    """Canaries are no app: nothing connects, and the trigger does not occur."""
    spec = replace(REFUSED, stop=affected(REFUSED.label, within_s=0.4))
    async with running(context, spec):
        await until_written(context, FaultHealed)
    assert context.journal.history.first(FaultEffect) is None
    (missed,) = context.journal.history.of(TriggerMissed)
    assert (missed.place, missed.why.code) == ("faults[0].stop", "trigger.not_in_time")


async def test_an_effect_is_not_recorded_if_nothing_waits_for_it(
    context: Context, port: int
) -> None:
    """The proxy is not asked about its connections then."""
    spec = Severed(target=LINK, mode="silent", stop=in_force(f"severed:{LINK}", 0.4))
    async with running(context, spec):
        await until_written(context, FaultInForce)
        client = await dial(port)
        assert await client.meets() == "silent"
        await until_written(context, FaultHealed)
        client.close()
    assert context.journal.history.first(FaultEffect) is None


async def test_a_fault_that_waits_for_a_missed_one_is_missed_at_once(context: Context) -> None:
    """The second fault does not wait for its own time limit."""
    first = replace(REFUSED, name="first", start=replace(started(), within_s=0.1))
    then = replace(REFUSED, name="then", start=replace(in_force("first"), within_s=60.0))
    async with running(context, first, then):
        await until_written(context, FaultMissed, 2)
    assert "first: its start" in Written(context.journal.history, "then").why_missed


async def test_the_faults_of_a_plan_do_not_wait_for_each_other(context: Context, port: int) -> None:
    """One is healed at its own moment while the other stays in force."""
    first = OneWay(name="first", target="app.postgres", stop=in_force("first"))
    async with running(context, first, REFUSED):
        await until_written(context, FaultHealing)
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
    for label in ("first", REFUSED.label):
        Written(context.journal.history, label).assert_complete()


# --- at a connection ---


async def test_a_fault_starts_at_the_nth_connection_and_not_before(
    context: Context, port: int
) -> None:
    """The engine counts, and the fault is in force from the moment of that connection."""
    spec = Severed(target="vpc", mode="silent", start=connection(LINK, 2))
    async with running(context, spec):
        first = await dial(port)
        assert await first.meets(within_s=PATIENCE_S) == "+PONG"
        dialled_s = context.journal.now()
        second = await dial(port)
        assert await second.meets() == "silent"
        assert await first.meets() == "silent"
        await until_written(context, FaultInForce)
        assert await new_client_meets(context.addresses["app.postgres"].port) == "silent"
    assert await second.hears() == "+PONG"
    first.close()
    second.close()
    written = Written(context.journal.history, spec.label)
    written.assert_complete()
    requested, seen, *_ = written
    assert isinstance(requested, FaultRequested)
    assert isinstance(seen, FaultInForce)
    assert requested.armed
    assert requested.at_s <= dialled_s <= seen.since_s


async def test_a_trigger_that_did_not_fire_is_removed(context: Context, port: int) -> None:
    """A connection after the run starts no fault."""
    spec = replace(REFUSED, start=connection(LINK, 2))
    async with running(context, spec):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    for _ in range(3):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    written = Written(context.journal.history, spec.label)
    assert written.kinds == ["requested", "missed"]
    assert "the connection that starts the fault did not come" in written.why_missed


async def test_a_trigger_is_removed_when_the_nemesis_is_cancelled(
    context: Context, port: int
) -> None:
    """It was armed and had not started."""
    spec = replace(REFUSED, start=connection(LINK, 2))
    nemesis = Nemesis(Plan(faults=(spec,)), context, asyncio.Event())
    task = asyncio.create_task(nemesis.run())
    await nemesis.armed()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(3):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"


async def test_a_trigger_that_fails_halfway_is_healed(context: Context, port: int) -> None:
    """The proxy of its second link is gone when the engine starts the fault."""
    upstream = str(context.services["postgres"].endpoint)
    control = context.control
    assert isinstance(control, ToxiproxyControl)
    spec = Severed(target="vpc", mode="refused", start=connection(LINK))
    try:
        async with running(context, spec):
            await control._call(lambda: control._proxy("app.postgres").destroy())
            assert await new_client_meets(port, within_s=PATIENCE_S) == "reset"
            await missed(context)
            assert (
                "could not start the fault"
                in Written(context.journal.history, spec.label).why_missed
            )
            await comes_to(port, "+PONG")  # it is recorded before it is healed
    finally:
        with suppress(InjectionFailed):
            await control._call(lambda: control._proxy("app.postgres").destroy())
        port = await control.create("app.postgres", upstream)
        context.addresses["app.postgres"] = context.runtime.proxied(port)  # type: ignore[index]


# --- faults that cannot be injected ---


@pytest.mark.parametrize(
    "spec",
    [
        Severed(target="vpc"),
        Severed(target="vpc", start=spawned()),
        Flapping(target="vpc", period_s=1.0, mode="dropped", start=spawned()),
        Severed(target="vpc", mode="refused", start=connection(LINK)),
        Slow(target="vpc", latency_s=1.0, start=connection(LINK)),
    ],
    ids=["before spawn", "at a moment", "flapping", "refused at connection", "slow at connection"],
)
async def test_a_fault_that_toxiproxy_does_not_support_is_refused_before_the_run(
    context: Context, spec: Declared
) -> None:
    """Whatever its trigger is. Nothing is recorded."""
    plain = replace(context, control=ToxiproxyControl("127.0.0.1", 9))
    with pytest.raises(FaultUnsupported):
        Nemesis(Plan(faults=(REFUSED, spec)), plain, asyncio.Event())
    assert context.journal.history.events == ()


async def test_a_fault_is_missed_if_the_proxy_server_is_gone(context: Context) -> None:
    """The run continues, and the history has the address that did not answer."""
    gone = replace(context, control=await _dead_control(context))
    async with running(gone, REFUSED):
        pass
    written = Written(context.journal.history, REFUSED.label)
    assert written.kinds[0] == "requested"
    assert "in_force" not in written.kinds
    assert "127.0.0.1:9" in written.why_missed


async def test_a_service_is_healed_even_if_the_proxy_server_cannot_be_read(
    context: Context, port: int
) -> None:
    """Evidence that cannot be read does not prevent the heal."""
    gone = replace(context, control=await _dead_control(context))
    spec = Paused(target="redis")
    with suppress(InjectionFailed):
        async with injected(prepare(spec, gone), gone):
            assert await new_client_meets(port) == "silent"
    await comes_to(port, "+PONG")
    assert Written(context.journal.history, spec.label).kinds[-1] == "healed"


async def _dead_control(context: Context) -> EmbeddedControl:
    """A control whose engine is gone."""
    control = EmbeddedControl("127.0.0.1", 9)
    control.capabilities = context.control.capabilities
    return control


async def test_a_moment_of_the_past_starts_a_fault_at_once(context: Context, port: int) -> None:
    """A trigger looks at the whole history."""
    at_s = context.journal.now()
    context.journal.append(StartupComplete(at_s=at_s, app="app", boot=1, state=HealthState.HEALTHY))
    async with running(context, replace(REFUSED, start=started())):
        await until_written(context, FaultInForce)
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
