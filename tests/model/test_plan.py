"""Plans: every mistake at once, every bound written out, and nothing lost on the way to disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

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
from chaoslab import expectations as expect
from chaoslab.errors import SpecError
from chaoslab.expectations import KINDS, Expectation
from chaoslab.faults import KINDS as FAULTS
from chaoslab.history.saved_plan import plan_json, read_plan
from chaoslab.model import when
from chaoslab.model.faults import Declared
from chaoslab.model.health import HealthContract
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.steps import HttpQuestion, Probe, Step
from chaoslab.model.topology import App, Connector, Deadlines, Service, Topology, WriteContract
from chaoslab.model.when import AtMoment, Moment
from chaoslab.registry import kinds

WRITES = WriteContract(service="postgres", create_path="/t", create_body={}, table="t")
TOPOLOGY = Topology(
    name="t",
    services={
        "postgres": Service(name="postgres", kind="postgres"),
        "redis": Service(name="redis", kind="redis"),
    },
    apps={
        "backend": App(
            name="backend",
            command=("a",),
            links=("postgres", "redis"),
            deadlines=Deadlines(startup_s=3.0, fail_fast_s=4.0, degraded_s=1.0, recovery_s=2.0),
            health=HealthContract(live_path="/live", ready_path="/ready"),
            writes=WRITES,
        ),
        "auth": App(
            name="auth",
            command=("a",),
            links=("postgres",),
            deadlines=Deadlines(startup_s=30.0, fail_fast_s=4.0, degraded_s=1.0, recovery_s=2.0),
        ),
    },
    connectors={
        "vpc": Connector(name="vpc", links=("backend.postgres", "backend.redis", "auth.postgres"))
    },
)
STOP = when.degraded(0.6)
SEVERED = Severed(target="vpc", stop=STOP)

EVERY_FAULT: tuple[Declared, ...] = (
    SEVERED,
    Severed(target="backend.redis", name="r", mode="refused", start=when.healthy(0.3), stop=STOP),
    Severed(target="redis", name="s", mode="silent", stop=when.healed("r", 1.0)),
    Slow(target="vpc", latency_s=0.1, jitter_s=0.05, streams=("upstream",), stop=STOP),
    Throttled(target="vpc", rate_kb_per_s=8, start=when.connection("backend.redis", 3), stop=STOP),
    CutMidstream(target="vpc", after_bytes=10, stream="upstream", stop=STOP),
    OneWay(target="vpc", stop=STOP),
    Flapping(target="vpc", period_s=0.5, duty=0.4, mode="dropped", stop=when.started(0.5)),
    Stopped(target="redis", stop=when.lost("redis", after_s=0.2)),
    Killed(target="postgres", start=when.acknowledged(5), stop=STOP),
    Paused(target="postgres", stop=when.in_force("paused:postgres", 1.0)),
    Restarted(target="postgres"),
)
EVERY_EXPECTATION: tuple[Expectation, ...] = (
    expect.Starts(mode="degraded", startup_mode="x", rests_on=()),
    expect.FailsFast(naming=("postgres",), exit_code=4),
    expect.Degrades(naming=("postgres", "redis"), fault="r"),
    expect.Recovers(stable_s=0.7),
    expect.KeepsAcknowledged(at_least=3),
    expect.RefusesHonestly(at_least=0),
    expect.FirstRequestServed(fault="s", within_s=1.5),
    expect.StaysAvailable(healthy=False),
    expect.Serves(at_least=5),
    expect.StaysLive(),
    expect.AnswersInTime(boot=2),
    expect.ReadyWhenServing(within_s=0.5),
    expect.ReleasesConnections(spare=1),
    expect.BacksOff(herd=5),
    expect.RegainsLatency(ratio=2.0),
    expect.Sampled(probe="checkout", share=0.9),
)
SUPERVISED = expect.NoRestarts()  # not of an app that the plan starts twice


def problems(plan: Plan) -> list[str]:
    """What resolve says is wrong, problem by problem."""
    with pytest.raises(SpecError) as raised:
        resolve(plan, TOPOLOGY)
    return [str(problem) for problem in raised.value.problems]


def test_these_are_all_faults_and_expectations() -> None:
    """A kind that is added must be added to these tests."""
    assert {type(fault) for fault in EVERY_FAULT} == set(FAULTS)
    asked = {type(e) for e in (*EVERY_EXPECTATION, SUPERVISED)}
    assert asked == set(KINDS)


def flush() -> None:
    """A step."""


def as_data(plan: Plan) -> Plan:
    """The plan as it is saved: without callables."""
    steps = tuple(step.saved() for step in plan.steps)
    return replace(plan, steps=steps, probes=tuple(probe.saved() for probe in plan.probes))


def whole() -> Plan:
    return Plan(
        name="whole",
        boots=(Boot(), Boot(at=when.healthy(0.8), env={"A": "b"})),
        faults=EVERY_FAULT,
        load=(Load(start=when.healthy(), stop=when.exited(), rate_per_s=20),),
        sampling=Sampling(quiet_from=when.in_force("r"), quiet_until=when.acknowledged(1)),
        steps=(
            Step(at=when.healthy(), do=flush),
            Step(name="again", at=when.healed("r"), do=flush),
        ),
        probes=(
            Probe(
                name="checkout", http=HttpQuestion(app="backend", path="/pay", status=(200, 402))
            ),
            Probe(name="queue", every_s=1.0, call=len),
        ),
        expect=EVERY_EXPECTATION,
        limit_s=12.0,
    )


def test_a_plan_with_everything_reads_back_as_it_was_saved() -> None:
    """Every fault, trigger and expectation through JSON, each as its own type."""
    lasting = tuple(f for f in EVERY_FAULT if f.stop or isinstance(f, Restarted))
    supervised = Plan(boots=(Boot(restarts=2),), faults=lasting, expect=(SUPERVISED,))
    again = resolve(supervised, TOPOLOGY)
    assert read_plan(plan_json(again), kinds()) == again
    plan = resolve(whole(), TOPOLOGY)
    read = read_plan(plan_json(plan), kinds())
    assert read == as_data(plan)
    assert [type(f) for f in read.faults] == [type(f) for f in plan.faults]
    assert [type(e) for e in read.expect] == [type(e) for e in plan.expect]
    assert [type(f.start) for f in read.faults] == [type(f.start) for f in plan.faults]


@pytest.mark.parametrize("fault", EVERY_FAULT, ids=lambda f: f.label)
def test_every_fault_reads_back_alone(fault: Declared) -> None:
    """A fault's kind stands in it, so that no two can be confused."""
    plan = Plan(faults=(fault,))
    assert read_plan(plan_json(plan), kinds()) == plan


def test_a_resolved_plan_resolves_to_itself() -> None:
    """Nothing is filled in twice."""
    plan = resolve(whole(), TOPOLOGY)
    assert resolve(plan, TOPOLOGY) == plan


def test_bounds_come_from_the_apps_own_deadlines() -> None:
    """Each expectation from the deadline that it is about; a bound that was given stays."""
    asked = (
        expect.Starts(),
        expect.Starts(app="auth"),
        expect.FailsFast(naming=("postgres",)),
        expect.Degrades(naming=("redis",)),
        expect.Recovers(),
        expect.Recovers(within_s=9.0),
    )
    boots = (Boot(app="backend"), Boot(app="auth"))
    plan = resolve(Plan(boots=boots, faults=(SEVERED,), expect=asked), TOPOLOGY)
    bounds = [e.within_s for e in plan.expect if not isinstance(e, expect.StaysAvailable)]  # type: ignore[union-attr]
    assert bounds == [3.0, 30.0, 4.0, 1.0, 2.0, 9.0]
    assert [e.app for e in plan.expect] == ["backend", "auth", *["backend"] * 4]


def test_an_expectation_rests_on_every_fault_unless_told() -> None:
    """By their labels; an empty tuple is told, too."""
    asked = (expect.Starts(), expect.Starts(rests_on=()), expect.Starts(rests_on=("two",)))
    two = Severed(name="two", target="redis", stop=STOP)
    plan = resolve(Plan(faults=(SEVERED, two), expect=asked), TOPOLOGY)
    assert [e.rests_on for e in plan.expect] == [("severed:vpc", "two"), (), ("two",)]


def test_a_fault_gets_its_label_for_a_name_and_a_restart_its_end() -> None:
    """A restart is over as soon as the service is seen up again."""
    plan = resolve(Plan(faults=(SEVERED, Restarted(target="redis"))), TOPOLOGY)
    assert [fault.name for fault in plan.faults] == ["severed:vpc", "restarted:redis"]
    stop = plan.faults[1].stop
    assert stop is not None
    assert (stop.moment, stop.of) == ("in_force", "restarted:redis")


@pytest.mark.parametrize("moment", get_args(Moment))
def test_every_moment_gets_a_bound(moment: Moment) -> None:
    """Finite, and no shorter than what the slowest app may take for its start-up."""
    stop = AtMoment(moment=moment)
    (fault,) = resolve(Plan(faults=(Severed(target="vpc", stop=stop),)), TOPOLOGY).faults
    assert fault.stop is not None
    assert fault.stop.within_s is not None
    assert 30.0 <= fault.stop.within_s <= 60.0


def test_the_limit_is_a_generous_sum_of_what_the_plan_waits_for() -> None:
    """One boot, one fault, two bounds: 30 + (31 + 0.6) + 30 + 2 + 3 + 10 for the fault's turns,
    where the slowest app may take 30 s to start, then 1 s to degrade.
    """
    auth = (Boot(app="auth"),)
    asked = (expect.Starts(app="auth"), expect.Recovers(app="auth"))
    plan = resolve(Plan(boots=auth, faults=(SEVERED,), expect=asked), TOPOLOGY)
    assert plan.limit_s == pytest.approx(106.6)
    assert resolve(plan, TOPOLOGY) == plan


def test_the_limit_grows_with_every_wait_and_is_never_short() -> None:
    """A quick plan has 30 s; a boot, a load, its writes and a quiet each add their own time."""

    def limit_s(**more: Any) -> float:
        found = resolve(Plan(**{"expect": (expect.Starts(),), **more}), TOPOLOGY).limit_s
        assert found is not None
        return found

    at = AtMoment(moment="healthy", within_s=40.0, after_s=5.0)
    load = (Load(start=at, rate_per_s=2.0),)
    assert limit_s() == 30.0
    assert limit_s(boots=(Boot(), Boot(at=at))) == pytest.approx(2 * 4 + 45 + 3)
    assert limit_s(load=load) == pytest.approx(4 + 45 + 3)
    kept = (expect.KeepsAcknowledged(at_least=30),)
    assert limit_s(load=load, expect=kept) == pytest.approx(4 + 45 + 15)
    quiet = Sampling(quiet_from=at, quiet_until=at)
    assert limit_s(sampling=quiet) == pytest.approx(4 + 90 + 3)
    tenths = tuple(Boot(at=replace(at, after_s=0.2)) for _ in range(3))
    assert str(limit_s(boots=tenths)) == "135.6"  # people read it: no 135.60000000000002


def test_a_limit_that_was_given_stays() -> None:
    """Also below what the plan may wait for."""
    assert resolve(Plan(expect=(expect.Starts(),), limit_s=1.0), TOPOLOGY).limit_s == 1.0


def test_a_bound_that_was_given_to_a_moment_stays() -> None:
    """Also in a boot, a load and the sampling."""
    at = AtMoment(moment="healthy", within_s=1.5)
    plan = Plan(
        boots=(Boot(at=at),),
        load=(Load(start=at, stop=at),),
        sampling=Sampling(quiet_from=at, quiet_until=at),
    )
    read = resolve(plan, TOPOLOGY)
    found = [read.boots[0].at, read.load[0].start, read.load[0].stop]
    assert [*found, read.sampling.quiet_from, read.sampling.quiet_until] == [at] * 5


def test_all_problems_are_told_at_once() -> None:
    """Each with its place, what was expected, and a fix where one is near."""
    plan = Plan(
        name="wrong",
        boots=(Boot(app="bakend"),),
        faults=(
            Severed(target="vcp", stop=STOP),
            Killed(target="redsi", stop=STOP),
            Killed(target="vpc", stop=STOP),
            Severed(target="vpc", start=when.connection("backend.postgress"), stop=STOP),
            Severed(target="vpc", stop=STOP),
        ),
        load=(Load(start=when.healthy(), app="nobody"),),
        expect=(
            expect.Starts(rests_on=("severd:vpc",)),
            expect.Degrades(naming=("redis",), fault="out"),
            expect.KeepsAcknowledged(app="auth"),
        ),
    )
    told = problems(plan)
    for fragment in (
        "plan wrong: faults[0]: unknown target 'vcp'",
        "did you mean 'vpc'?",
        "plan wrong: faults[1]: unknown service 'redsi'",
        "plan wrong: faults[2]: unknown service 'vpc'",
        "plan wrong: faults[3].start: unknown link 'backend.postgress'",
        "did you mean 'backend.postgres'?",
        "plan wrong: faults[4]: the name 'severed:vpc' is used by faults[3]",
        "plan wrong: boots: unknown app 'bakend'",
        "plan wrong: load: unknown app 'nobody'",
        "plan wrong: expect[0]: unknown fault 'severd:vpc'",
        "plan wrong: expect[1]: unknown fault 'out'",
        "plan wrong: expect[2]: 'keeps_acknowledged' requires a write",
    ):
        assert sum(fragment in problem for problem in told) >= 1, (fragment, told)
    assert len(told) >= 11


Change = Callable[[Plan], Plan]


def with_fault(fault: Declared) -> Change:
    return lambda plan: replace(plan, faults=(fault,), expect=())


def with_stop(**wrong: Any) -> Change:
    return with_fault(replace(SEVERED, stop=AtMoment(**{"moment": "healed", **wrong})))


def with_(**wrong: Any) -> Change:
    return lambda plan: replace(plan, **wrong)


def expecting(e: Expectation) -> Change:
    return with_(expect=(e,))


WRONG: dict[str, tuple[Change, str]] = {
    "a mode that is none": (
        with_fault(Severed(target="vpc", mode="droped", stop=STOP)),  # type: ignore[arg-type]
        "faults[0]: mode is 'droped'\n  expected one of: dropped, refused, silent; did you mean",
    ),
    "a flapping mode": (
        with_fault(Flapping(target="vpc", period_s=1.0, mode="cut")),  # type: ignore[arg-type]
        "mode is 'cut'",
    ),
    "no period": (with_fault(Flapping(target="vpc", period_s=0.0)), "period_s is 0.0"),
    "always on": (with_fault(Flapping(target="vpc", period_s=1.0, duty=1.0)), "duty is 1.0"),
    "never on": (with_fault(Flapping(target="vpc", period_s=1.0, duty=0.0)), "duty is 0.0"),
    "a stream": (
        with_fault(Slow(target="vpc", latency_s=0.1, streams=("up",))),  # type: ignore[arg-type]
        "streams is 'up'",
    ),
    "streams as a word": (
        with_fault(Slow(target="vpc", latency_s=0.1, streams="upstream")),  # type: ignore[arg-type]
        "streams is 'u'",
    ),
    "no latency": (with_fault(Slow(target="vpc", latency_s=0.0)), "latency_s is 0.0"),
    "not a number": (with_fault(Slow(target="vpc", latency_s=float("nan"))), "latency_s is nan"),
    "more jitter than latency": (
        with_fault(Slow(target="vpc", latency_s=0.1, jitter_s=0.2)),
        "jitter_s is 0.2",
    ),
    "no rate": (with_fault(Throttled(target="vpc", rate_kb_per_s=0)), "rate_kb_per_s is 0"),
    "no bytes": (with_fault(CutMidstream(target="vpc", after_bytes=0)), "after_bytes is 0"),
    "a direction": (
        with_fault(OneWay(target="vpc", stream="both")),  # type: ignore[arg-type]
        "stream is 'both'",
    ),
    "the zeroth connection": (
        with_fault(replace(SEVERED, start=when.connection("backend.redis", 0))),
        "faults[0].start: n is 0",
    ),
    "a fault that is none": (with_stop(of="vpc"), "faults[0].stop: fault is 'vpc'"),
    "an app that is none": (with_stop(moment="healthy", of="web"), "stop: app is 'web'"),
    "a moment that is none": (with_stop(moment="helthy"), "did you mean 'healthy'?"),
    "the zeroth time": (with_stop(nth=0), "nth is 0"),
    "a time before": (with_stop(after_s=-1.0), "after_s is -1.0"),
    "no lag allowed": (with_(max_lag_s=0.0), "max_lag_s is 0.0"),
    "a lag that is no number": (with_(max_lag_s=float("nan")), "max_lag_s is nan"),
    "no cadence": (with_(sampling=Sampling(cadence_s=0.0)), "cadence_s is 0.0"),
    "an endless question": (with_(sampling=Sampling(timeout_s=0.0)), "timeout_s is 0.0"),
    "a quiet without its fault": (
        with_(sampling=Sampling(quiet_from=when.in_force("out"))),
        "sampling.quiet_from: fault is 'out'",
    ),
    "no requests": (with_(load=(Load(start=STOP, rate_per_s=0.0),)), "rate_per_s is 0.0"),
    "a load on an app that writes nothing": (
        with_(load=(Load(start=STOP, app="auth"),)),
        "load[0]: 'auth' declares no writes",
    ),
    "no limit": (with_(limit_s=0.0), "limit_s is 0.0"),
    "a limit in the past": (with_(limit_s=-1.0), "limit_s is -1.0"),
    "an endless limit": (with_(limit_s=float("inf")), "limit_s is inf"),
    "a limit that is no number": (with_(limit_s=float("nan")), "limit_s is nan"),
    **{
        f"{fault.kind} at a connection": (
            with_fault(replace(fault, start=when.connection("backend.redis"))),
            f"faults[0].start: a {fault.kind} fault cannot start at a connection",
        )
        for fault in (
            Flapping(target="vpc", period_s=1.0),
            Stopped(target="redis"),
            Killed(target="redis"),
            Paused(target="redis"),
            Restarted(target="redis"),
        )
    },
    "a placeholder that is none": (
        with_(boots=(Boot(env={"A": "{nope}"}),)),
        "boots[0].env.A: unknown placeholder '{nope}'",
    ),
    "a brace alone": (with_(boots=(Boot(env={"A": "{"}),)), "boots[0].env.A: '{' at character 1"),
    "a placeholder of another app's link": (
        with_(boots=(Boot(), Boot(app="auth", env={"A": "{redis.url}"}))),
        "boots[1].env.A: unknown placeholder '{redis.url}'\n"
        "  expected one of: {port}, {host}, {python}, "
        "{postgres.url}, {postgres.host}, {postgres.port}",
    ),
    "a recovery without a fault": (
        with_(faults=(), expect=(expect.Recovers(),)),
        "expect[0]: 'recovers' needs a fault",
    ),
    "a degradation by what never ends": (
        with_(faults=(Severed(target="vpc"),), expect=(expect.Degrades(naming=("redis",)),)),
        "expect[0]: 'degrades' needs its fault's heal, until which it is judged, and severed:vpc is"
        " kept to the end\n  give it a stop=",
    ),
    "a degradation by the second, which never ends": (
        with_(
            faults=(SEVERED, Severed(target="vpc", name="two")),
            expect=(expect.Degrades(naming=("redis",), fault="two"),),
        ),
        "and two is kept to the end",
    ),
    "no time": (expecting(expect.Starts(within_s=0.0)), "within_s is 0.0"),
    "nothing named": (expecting(expect.Degrades(naming=())), "naming is ()"),
    "a word for a tuple": (
        expecting(expect.Degrades(naming="redis")),  # type: ignore[arg-type]
        "write ('redis',)",
    ),
    "a boot that the plan has not": (expecting(expect.Starts(boot=2)), "boot is 2"),
    "a boot of another app": (expecting(expect.Starts(app="auth")), "expected 1 to 0"),
    "no writes to keep": (expecting(expect.KeepsAcknowledged(at_least=0)), "at_least is 0"),
    "a recovery from what never ends": (
        with_(faults=(Severed(target="vpc"),), expect=(expect.Recovers(),)),
        "severed:vpc is kept to the end\n  give it a stop=",
    ),
    "a degradation without a fault": (
        with_(faults=(), expect=(expect.Degrades(naming=("redis",)),)),
        "'degrades' needs a fault",
    ),
    "a proof that cannot be had": (
        with_(boots=(Boot(app="auth"),), expect=(expect.Recovers(app="auth", proved=True),)),
        "'recovers' requires a write",
    ),
}


@pytest.mark.parametrize(("change", "told"), WRONG.values(), ids=WRONG)
def test_a_value_that_cannot_be_meant_is_told(change: Change, told: str) -> None:
    """One problem each, and the plan is right without it."""
    plan = Plan(faults=(SEVERED,), expect=(expect.Starts(),))
    resolve(plan, TOPOLOGY)
    found = problems(change(plan))
    assert any(told in problem for problem in found), found


def test_what_can_be_carried_out_is_not_refused() -> None:
    """Placeholders of the app's own links, doubled braces; a lasting fault beside the judged."""
    env = {"A": "{port} {python} {redis.url}{postgres.port}", "B": "{{nope}}"}
    lasting = Severed(target="redis", name="two")
    plan = Plan(
        boots=(Boot(env=env),),
        faults=(SEVERED, lasting, Restarted(target="postgres", name="three")),
        expect=(
            expect.Degrades(naming=("redis",)),
            expect.Degrades(naming=("redis",), fault="three"),
        ),
    )
    assert resolve(plan, TOPOLOGY).boots[0].env == env


def test_an_app_without_writes_may_recover_by_its_health() -> None:
    """Unless the plan asks for the proof."""
    plan = Plan(boots=(Boot(app="auth"),), faults=(SEVERED,), expect=(expect.Recovers(app="auth"),))
    (e,) = resolve(plan, TOPOLOGY).expect
    assert isinstance(e, expect.Recovers)
    assert e.proved is False


def test_a_target_names_a_connectors_links_one_link_or_a_service_s() -> None:
    """And nothing where nothing has that name."""
    named = {
        target: [link.name for link in TOPOLOGY.links_of(target)]
        for target in ("vpc", "backend.redis", "postgres", "redis", "nobody", "")
    }
    assert named == {
        "vpc": ["backend.postgres", "backend.redis", "auth.postgres"],
        "backend.redis": ["backend.redis"],
        "postgres": ["backend.postgres", "auth.postgres"],
        "redis": ["backend.redis"],
        "nobody": [],
        "": [],
    }
    assert all(TOPOLOGY.links_of(target) for target in TOPOLOGY.targets)
