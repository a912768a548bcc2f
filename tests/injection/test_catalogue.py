"""What a client observes of each kind of fault, and that every fault heals however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import psycopg
import pytest
from rigs.problems import problem

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
from chaoslab.clock import now_s
from chaoslab.errors import InjectionFailed
from chaoslab.history.events import CanaryProbe, FaultHealing, LinkConnection, LinkDrops
from chaoslab.injection.context import Context
from chaoslab.injection.in_force import injected
from chaoslab.injection.links import LinkInjection
from chaoslab.injection.prepare import prepare
from chaoslab.model.actions import Action
from chaoslab.model.faults import Declared

from .rig import (
    PATIENCE_S,
    Written,
    comes_to,
    dial,
    make_canaries_patient,
    new_client_meets,
    patience,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

LINK = "app.redis"
LATE_S = 1.5  # longer than a busy machine may stall, so that a slow link is distinguished from it

# A proxy that cannot reach its server closes the client's connection. If the client has sent its
# question by then, the kernel sends a reset.
ENDED = "closed or reset"

# the fault, what a new client observes, what an established connection observes
OBSERVED: dict[str, tuple[Declared, str, str]] = {
    "dropped": (Severed(target=LINK), "dropped", "silent"),
    "refused": (Severed(target=LINK, mode="refused"), "refused", "reset"),
    "silent": (Severed(target=LINK, mode="silent"), "silent", "silent"),
    "one_way": (OneWay(target=LINK), "silent", "silent"),
    "one_way upstream": (OneWay(target=LINK, stream="upstream"), "silent", "silent"),
    "cut_midstream": (CutMidstream(target=LINK, after_bytes=3), "closed", "closed"),
    "slow": (Slow(target=LINK, latency_s=LATE_S), "silent", "silent"),
    "stopped": (Stopped(target="redis"), ENDED, ENDED),
    "killed": (Killed(target="redis"), ENDED, ENDED),
    "paused": (Paused(target="redis"), "silent", "silent"),
}


@pytest.mark.parametrize("name", OBSERVED)
async def test_a_fault_affects_clients_while_it_is_in_force_and_not_after_it(
    context: Context, port: int, name: str
) -> None:
    """New clients and an established connection; the history has its events in order."""
    spec, new_meets, old_meets = OBSERVED[name]
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, context), context):
        assert await old.meets(within_s=patience(old_meets)) in old_meets
        assert await new_client_meets(port, within_s=patience(new_meets)) in new_meets
    old.close()
    await comes_to(port, "+PONG")
    Written(context.journal.history, spec.label).assert_complete()


@pytest.mark.parametrize("name", ["dropped", "silent", "one_way", "one_way upstream", "paused"])
async def test_held_bytes_are_delivered_at_the_heal(context: Context, port: int, name: str) -> None:
    """The answer to a question that was sent under the fault arrives after the heal."""
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(OBSERVED[name][0], context), context):
        assert await old.meets() == "silent"
    assert await old.hears() == "+PONG"
    old.close()


@pytest.mark.parametrize(("stream", "arrives"), [("downstream", True), ("upstream", False)])
async def test_one_way_does_not_affect_the_other_direction(
    context: Context, port: int, stream: str, arrives: bool
) -> None:
    """A write reaches the server if only answers are held, and does not if requests are."""
    spec = OneWay(target=LINK, stream=stream)  # type: ignore[arg-type]
    direct = await dial(context.services["redis"].endpoint.port)
    client = await dial(port)
    async with injected(prepare(spec, context), context):
        assert await client.meets(f"SET {stream} x") == "silent"
        assert await direct.meets(f"EXISTS {stream}", within_s=PATIENCE_S) == f":{int(arrives)}"
    assert await client.hears() == "+OK"
    assert await direct.meets(f"EXISTS {stream}", within_s=PATIENCE_S) == ":1"
    client.close()
    direct.close()


@pytest.mark.parametrize("streams", [("downstream",), ("upstream",), ("upstream", "downstream")])
async def test_slow_delays_by_the_latency_of_each_stream(
    context: Context, port: int, streams: tuple[str, ...]
) -> None:
    """And no longer after the heal."""
    spec = Slow(target=LINK, latency_s=LATE_S, streams=streams)  # type: ignore[arg-type]
    client = await dial(port)
    async with injected(prepare(spec, context), context):
        begun_s = now_s()
        assert await client.meets(within_s=PATIENCE_S) == "+PONG"
        took_s = now_s() - begun_s
    # the upper bound is one delay more, for a machine that is shared
    assert len(streams) * LATE_S <= took_s < (len(streams) + 1) * LATE_S
    begun_s = now_s()
    assert await client.meets(within_s=PATIENCE_S) == "+PONG"
    assert now_s() - begun_s < LATE_S
    client.close()


async def test_throttled_passes_at_most_its_rate(context: Context, port: int) -> None:
    """20 KB at 10 KB/s take two seconds; without the fault much less."""
    client = await dial(port)
    assert await client.meets(f"SET big {'x' * 20_000}", within_s=PATIENCE_S) == "+OK"
    spec = Throttled(target=LINK, rate_kb_per_s=10)
    async with injected(prepare(spec, context), context):
        begun_s = now_s()
        assert await client.size_of("big") == 20_000
        took_s = now_s() - begun_s
    # a tenth less for the burst by which a rate begins; two seconds more for a busy machine
    assert 1.7 <= took_s < 4.0
    begun_s = now_s()
    assert await client.size_of("big") == 20_000
    assert now_s() - begun_s < 1.7
    client.close()
    Written(context.journal.history, spec.label).assert_complete()


async def test_restarted_ends_connections_and_the_service_answers_again(
    context: Context, port: int
) -> None:
    """An established connection is closed; a new one is served, under the fault and after it."""
    spec = Restarted(target="redis")
    old = await dial(port)
    assert await old.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, context), context):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
        assert await old.meets(within_s=PATIENCE_S) == "closed"
    old.close()
    await comes_to(port, "+PONG")
    Written(context.journal.history, spec.label).assert_complete()


@pytest.mark.parametrize("fault", [Stopped, Killed])
async def test_postgres_comes_back_with_what_it_had_acknowledged(
    context: Context, fault: type[Stopped | Killed]
) -> None:
    """At the same address, after a normal shutdown and after a crash."""
    running = context.services["postgres"]
    url, word = running.url(running.endpoint), fault.__name__
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as client:
        await client.execute("CREATE TABLE IF NOT EXISTS words (word text)")
        await client.execute("INSERT INTO words VALUES (%s)", (word,))
        async with injected(prepare(fault(target="postgres"), context), context):
            with pytest.raises(psycopg.OperationalError):
                await client.execute("SELECT 1")
            with pytest.raises(psycopg.OperationalError):
                await psycopg.AsyncConnection.connect(url)
    async with await psycopg.AsyncConnection.connect(url) as client:
        found = await client.execute("SELECT count(*) FROM words WHERE word = %s", (word,))
        assert await found.fetchone() == (1,)


async def test_a_fault_on_a_connector_severs_all_of_its_links_and_no_other_path(
    context: Context, port: int
) -> None:
    """Both links are severed, and the servers' own ports are not; canaries tried both links."""
    spec = Severed(target="vpc", mode="refused")
    fault = prepare(spec, context)
    assert [link.name for link in fault.links] == ["app.redis", "app.postgres"]
    cut, direct = context.addresses["app.postgres"].port, context.services["redis"].endpoint.port
    async with injected(fault, context):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "refused"
        assert await new_client_meets(cut, within_s=PATIENCE_S) == "refused"
        assert await new_client_meets(direct, within_s=PATIENCE_S) == "+PONG"
    canaries = context.journal.history.of(CanaryProbe)
    assert {(c.link, c.outcome) for c in canaries} == {
        ("app.redis", "refused"),
        ("app.postgres", "refused"),
    }


async def test_the_evidence_is_recorded_before_the_heal(context: Context, port: int) -> None:
    """The connections, the bytes that were held, and the SYNs that were dropped."""
    spec = Severed(target=LINK)
    client = await dial(port)
    assert await client.meets(within_s=PATIENCE_S) == "+PONG"
    async with injected(prepare(spec, context), context):
        await client.meets()
        assert await new_client_meets(port) == "dropped"
    client.close()
    history = context.journal.history
    healing = history.first(FaultHealing)
    assert healing is not None
    held = [c for c in history.of(LinkConnection) if c.held_upstream == len("PING\r\n")]
    assert len(held) == 1
    assert held[0].at_s <= healing.at_s
    drops = history.first(LinkDrops)
    assert drops is None or drops.syn_drops >= 2  # None: this kernel does not count


# --- heals ---

HEALS = ["dropped", "silent", "stopped", "paused"]


@pytest.mark.parametrize("name", HEALS)
async def test_a_fault_heals_when_its_block_fails(context: Context, port: int, name: str) -> None:
    """The error is raised, the fault is healed, and the history has the reason."""
    spec = OBSERVED[name][0]
    with pytest.raises(ZeroDivisionError):
        async with injected(prepare(spec, context), context):
            raise ZeroDivisionError
    await comes_to(port, "+PONG")
    Written(context.journal.history, spec.label).assert_complete()
    healing = context.journal.history.first(FaultHealing)
    assert healing is not None
    assert "ZeroDivisionError" in healing.why


async def cancel_once(task: asyncio.Task[None]) -> None:
    task.cancel()


async def cancel_again_and_again(task: asyncio.Task[None]) -> None:
    while not task.done():
        task.cancel()
        await asyncio.sleep(0)


@pytest.mark.parametrize("cancel", [cancel_once, cancel_again_and_again])
@pytest.mark.parametrize("name", HEALS)
async def test_a_fault_heals_when_it_is_cancelled(
    context: Context,
    port: int,
    name: str,
    cancel: Callable[[asyncio.Task[None]], Awaitable[None]],
) -> None:
    """Once, or again while it heals; then CancelledError is raised."""
    spec = OBSERVED[name][0]
    inside = asyncio.Event()

    async def hold() -> None:
        async with injected(prepare(spec, context), context):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    async with asyncio.timeout(PATIENCE_S):
        await inside.wait()
    await cancel(task)
    with pytest.raises(asyncio.CancelledError):
        await task
    await comes_to(port, "+PONG")
    Written(context.journal.history, spec.label).assert_complete()


@pytest.mark.parametrize("steps", range(0, 12, 2))
async def test_a_fault_that_is_cancelled_while_it_begins_is_healed(
    context: Context, port: int, steps: int
) -> None:
    """At any point of the injection."""
    task = asyncio.create_task(_hold_all(Severed(target="vpc", mode="refused"), context))
    for _ in range(steps):
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await comes_to(port, "+PONG")
    other = context.addresses["app.postgres"].port
    assert await new_client_meets(other, within_s=PATIENCE_S) != "refused"


async def _hold_all(spec: Declared, context: Context) -> None:
    async with injected(prepare(spec, context), context):
        await asyncio.Event().wait()


@pytest.mark.parametrize("name", ["why? #1", "50% of it", "a/b", "d\u00e9j\u00e0 vu", ".."])
async def test_a_fault_may_have_any_name(context: Context, port: int, name: str) -> None:
    """It is healed, whatever characters the name has."""
    spec = Slow(name=name, target=LINK, latency_s=0.05)
    async with injected(prepare(spec, context), context):
        assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"
    assert await context.control._call(lambda: context.control._proxy(LINK).toxics()) == {}  # type: ignore[attr-defined]
    Written(context.journal.history, name).assert_complete()


# --- faults that are not in force ---


class HealedByOthers(LinkInjection):
    """An injection that is undone before the canary is sent."""

    async def begin(self) -> float:
        began_s = await super().begin()
        await self.undo()
        return began_s


@pytest.mark.parametrize("name", ["dropped", "refused", "silent", "one_way", "slow"])
async def test_a_fault_that_no_canary_observes_is_recorded_as_missed(
    context: Context, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block runs, and the history has what the canary observed instead."""
    # A stalled server would look like a silent link to a canary that does not wait longer.
    make_canaries_patient(monkeypatch)
    spec = OBSERVED[name][0]
    async with injected(HealedByOthers(spec, context), context):  # type: ignore[arg-type]
        ran = True
    written = Written(context.journal.history, spec.label)
    assert ran
    assert written.kinds == ["requested", "missed", "healing", "healed"]
    assert "a canary observed 'answered'" in written.why_missed
    assert LINK in written.why_missed


async def test_an_injection_that_fails_halfway_is_undone(context: Context, port: int) -> None:
    """The error is raised, and the first action is undone."""
    fault = prepare(Severed(target=LINK, mode="refused"), context)
    assert isinstance(fault, LinkInjection)
    nowhere = replace(fault.actions[0], proxy="nowhere")
    fault.actions = (*fault.actions, nowhere)
    with pytest.raises(InjectionFailed, match="nowhere"):
        async with injected(fault, context):
            pytest.fail("the block must not run")
    assert await new_client_meets(port, within_s=PATIENCE_S) == "+PONG"


# --- flapping ---


async def test_flapping_alternates_until_its_end(context: Context, port: int) -> None:
    """A client observes both states several times, and the link works afterwards."""
    spec = Flapping(target=LINK, period_s=0.2)
    met = []
    async with injected(prepare(spec, context), context):
        end_s = now_s() + PATIENCE_S
        while now_s() < end_s and len(met) < 7:
            now = await new_client_meets(port, within_s=PATIENCE_S)
            if not met or met[-1] != now:
                met.append(now)
            await asyncio.sleep(0.01)
    states = [state for state in met if state in ("refused", "+PONG")]
    # two dozen periods fit into the time; three are not by chance
    assert states.count("refused") >= 3
    assert states.count("+PONG") >= 3
    assert set(met) <= {"refused", "+PONG", "reset"}
    await comes_to(port, "+PONG")
    Written(context.journal.history, spec.label).assert_complete()


async def test_flapping_that_fails_while_severed_is_healed(
    context: Context, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure is recorded, and the path works again."""
    fault = prepare(Flapping(target=LINK, period_s=0.05), context)
    assert isinstance(fault, LinkInjection)
    apply = context.control.apply

    async def severs_and_fails(action: Action) -> None:
        await apply(action)
        raise InjectionFailed(problem("no answer"))

    with monkeypatch.context() as patched:
        async with injected(fault, context):
            patched.setattr(
                type(context.control), "apply", lambda _, action: severs_and_fails(action)
            )
            assert fault.alternating is not None
            await asyncio.wait([fault.alternating], timeout=PATIENCE_S)
    await comes_to(port, "+PONG")
    written = Written(context.journal.history, fault.declared.label)
    assert "stopped alternating" in written.why_missed
