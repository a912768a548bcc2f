"""Every mistake of a plan at once, each with its place; and what is no mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

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
from chaoslab.expectations import Expectation
from chaoslab.model import when
from chaoslab.model.faults import Declared
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.when import AtMoment

from .plans import SEVERED, STOP, TOPOLOGY


def problems(plan: Plan) -> list[str]:
    """What resolve says is wrong, problem by problem."""
    with pytest.raises(SpecError) as raised:
        resolve(plan, TOPOLOGY)
    return [str(problem) for problem in raised.value.problems]


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
        "load[0]: 'load' requires a write, but the app 'auth' declares no writes",
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
        "expect[0]: 'degrades' needs the heal of severed:vpc, which has no stop\n  give it a stop=",
    ),
    "a degradation by the second, which never ends": (
        with_(
            faults=(SEVERED, Severed(target="vpc", name="two")),
            expect=(expect.Degrades(naming=("redis",), fault="two"),),
        ),
        "needs the heal of two, which has no stop",
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
        "needs the heal of severed:vpc, which has no stop\n  give it a stop=",
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
