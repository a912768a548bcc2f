"""Every mistake of a plan together, each with its place; and plans without a mistake."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from rigs.problems import Expected, wrong

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
from chaoslab.errors import Problem, SpecError
from chaoslab.expectations import Expectation
from chaoslab.faults import AtMessage
from chaoslab.model import when
from chaoslab.model.faults import Declared
from chaoslab.model.load import Load, Sampling
from chaoslab.model.plan import Boot, Plan, resolve
from chaoslab.model.when import AtMoment

from .plans import SEVERED, STOP, TOPOLOGY


def bad(place: str, name: str, value: str, hint: str = "") -> Expected:
    """A value of a field that is not allowed there."""
    return wrong(place, "plan.bad_value", hint, name=name, value=value)


def problems(plan: Plan) -> tuple[Problem, ...]:
    """The problems that resolve finds."""
    with pytest.raises(SpecError) as raised:
        resolve(plan, TOPOLOGY)
    return raised.value.problems


def test_all_problems_come_at_once() -> None:
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
    expected = [
        wrong("faults[0]", "name.unknown", "did you mean 'vpc'?", kind="target", name="vcp"),
        wrong("faults[1]", "name.unknown", "did you mean 'redis'?", kind="service", name="redsi"),
        wrong("faults[2]", "name.unknown", kind="service", name="vpc"),
        wrong(
            "faults[3].start",
            "name.unknown",
            "did you mean 'backend.postgres'?",
            kind="link",
            name="backend.postgress",
        ),
        wrong("faults[4]", "plan.name_taken", name="severed:vpc", kind="faults", index=3),
        wrong("boots", "name.unknown", "did you mean 'backend'?", kind="app", name="bakend"),
        wrong("load", "name.unknown", kind="app", name="nobody"),
        wrong(
            "expect[0]",
            "name.unknown",
            "did you mean 'severed:vpc'?",
            kind="fault",
            name="severd:vpc",
        ),
        wrong("expect[1]", "name.unknown", kind="fault", name="out"),
        wrong(
            "expect[2]",
            "plan.no_writes",
            "[apps.auth.requests.<name>]",
            needed_by="keeps_acknowledged",
            app="auth",
        ),
        wrong("expect[0]", "plan.bad_value", name="boot", value="1"),
        wrong("expect[1]", "plan.bad_value", name="boot", value="1"),
        wrong("expect[2]", "plan.bad_value", name="boot", value="1"),
    ]
    for one, problem in zip(expected, problems(plan), strict=True):
        one.check(problem)


Change = Callable[[Plan], Plan]


def with_fault(fault: Declared) -> Change:
    return lambda plan: replace(plan, faults=(fault,), expect=())


def with_stop(**values: Any) -> Change:
    return with_fault(replace(SEVERED, stop=AtMoment(**{"moment": "healed", **values})))


def with_(**values: Any) -> Change:
    return lambda plan: replace(plan, **values)


def expecting(e: Expectation) -> Change:
    return with_(expect=(e,))


WRONG: dict[str, tuple[Change, Expected]] = {
    "a mode that is none": (
        with_fault(Severed(target="vpc", mode="droped", stop=STOP)),  # type: ignore[arg-type]
        bad("faults[0]", "mode", "'droped'", "did you mean 'dropped'?"),
    ),
    "a heal that is none": (
        with_fault(Severed(target="vpc", at_heal="reste", stop=STOP)),  # type: ignore[arg-type]
        bad("faults[0]", "at_heal", "'reste'", "did you mean 'reset'?"),
    ),
    "a heal of connections that were reset before": (
        with_fault(Severed(target="vpc", mode="refused", at_heal="dead", stop=STOP)),
        bad("faults[0]", "at_heal", "'dead'", "dropped or silent"),
    ),
    "a flapping mode": (
        with_fault(Flapping(target="vpc", period_s=1.0, mode="cut")),  # type: ignore[arg-type]
        bad("faults[0]", "mode", "'cut'", "dropped, refused, silent"),
    ),
    "no period": (
        with_fault(Flapping(target="vpc", period_s=0.0)),
        bad("faults[0]", "period_s", "0.0", "more than 0"),
    ),
    "always on": (
        with_fault(Flapping(target="vpc", period_s=1.0, duty=1.0)),
        bad("faults[0]", "duty", "1.0", "Severed"),
    ),
    "never on": (
        with_fault(Flapping(target="vpc", period_s=1.0, duty=0.0)),
        bad("faults[0]", "duty", "0.0", "more than 0"),
    ),
    "a stream": (
        with_fault(Slow(target="vpc", latency_s=0.1, streams=("up",))),  # type: ignore[arg-type]
        bad("faults[0]", "streams", "'up'", "upstream, downstream"),
    ),
    "streams as a word": (
        with_fault(Slow(target="vpc", latency_s=0.1, streams="upstream")),  # type: ignore[arg-type]
        bad("faults[0]", "streams", "'u'", "upstream, downstream"),
    ),
    "no latency": (
        with_fault(Slow(target="vpc", latency_s=0.0)),
        bad("faults[0]", "latency_s", "0.0", "more than 0"),
    ),
    "not a number": (
        with_fault(Slow(target="vpc", latency_s=float("nan"))),
        bad("faults[0]", "latency_s", "nan", "more than 0"),
    ),
    "more jitter than latency": (
        with_fault(Slow(target="vpc", latency_s=0.1, jitter_s=0.2)),
        bad("faults[0]", "jitter_s", "0.2", "0 to latency_s"),
    ),
    "no rate": (
        with_fault(Throttled(target="vpc", rate_kb_per_s=0)),
        bad("faults[0]", "rate_kb_per_s", "0", "more than 0"),
    ),
    "no bytes": (
        with_fault(CutMidstream(target="vpc", after_bytes=0)),
        bad("faults[0]", "after_bytes", "0", "more than 0"),
    ),
    "no message": (
        with_fault(AtMessage(target="vpc", message=" ")),
        bad("faults[0]", "message", "' '", "how a statement or a command begins"),
    ),
    "a place in a message": (
        with_fault(AtMessage(target="vpc", message="COMMIT", at="during")),  # type: ignore[arg-type]
        bad("faults[0]", "at", "'during'", "before, after"),
    ),
    "another end of a message": (
        with_fault(AtMessage(target="vpc", message="COMMIT", do="holt")),  # type: ignore[arg-type]
        bad("faults[0]", "do", "'holt'", "did you mean 'hold'?"),
    ),
    "the zeroth message": (
        with_fault(AtMessage(target="vpc", message="COMMIT", nth=0)),
        bad("faults[0]", "nth", "0", "more than 0"),
    ),
    "a delay without a time": (
        with_fault(AtMessage(target="vpc", message="COMMIT", do="delay")),
        bad("faults[0]", "delay_s", "None", "more than 0 with do='delay'"),
    ),
    "a time without a delay": (
        with_fault(AtMessage(target="vpc", message="COMMIT", delay_s=1.0)),
        bad("faults[0]", "delay_s", "1.0", 'use do="delay", or remove it'),
    ),
    "a direction": (
        with_fault(OneWay(target="vpc", stream="both")),  # type: ignore[arg-type]
        bad("faults[0]", "stream", "'both'", "upstream, downstream"),
    ),
    "the zeroth connection": (
        with_fault(replace(SEVERED, start=when.connection("backend.redis", 0))),
        bad("faults[0].start", "n", "0", "more than 0"),
    ),
    "a fault that is none": (
        with_stop(of="vpc"),
        bad("faults[0].stop", "fault", "'vpc'", "severed:vpc"),
    ),
    "an app that is none": (
        with_stop(moment="healthy", of="web"),
        bad("faults[0].stop", "app", "'web'", "backend, auth"),
    ),
    "a moment that is none": (
        with_stop(moment="helthy"),
        bad("faults[0].stop", "moment", "'helthy'", "did you mean 'healthy'?"),
    ),
    "the zeroth time": (with_stop(nth=0), bad("faults[0].stop", "nth", "0", "more than 0")),
    "a time before": (
        with_stop(after_s=-1.0),
        bad("faults[0].stop", "after_s", "-1.0", "0 or more"),
    ),
    "no lag allowed": (with_(max_lag_s=0.0), bad("", "max_lag_s", "0.0", "more than 0")),
    "a lag that is no number": (
        with_(max_lag_s=float("nan")),
        bad("", "max_lag_s", "nan", "more than 0"),
    ),
    "no cadence": (
        with_(sampling=Sampling(cadence_s=0.0)),
        bad("sampling", "cadence_s", "0.0", "more than 0"),
    ),
    "an endless question": (
        with_(sampling=Sampling(timeout_s=0.0)),
        bad("sampling", "timeout_s", "0.0", "more than 0"),
    ),
    "a quiet without its fault": (
        with_(sampling=Sampling(quiet_from=when.in_force("out"))),
        bad("sampling.quiet_from", "fault", "'out'", "severed:vpc"),
    ),
    "no requests": (
        with_(load=(Load(start=STOP, rate_per_s=0.0),)),
        bad("load[0]", "rate_per_s", "0.0", "more than 0"),
    ),
    "a load on an app that writes nothing": (
        with_(load=(Load(start=STOP, app="auth"),)),
        wrong(
            "load[0]",
            "plan.no_requests",
            "[apps.auth.requests.<name>]",
            needed_by="load",
            app="auth",
            kinds="",
        ),
    ),
    "no limit": (with_(limit_s=0.0), bad("", "limit_s", "0.0")),
    "a limit in the past": (with_(limit_s=-1.0), bad("", "limit_s", "-1.0")),
    "an endless limit": (with_(limit_s=float("inf")), bad("", "limit_s", "inf")),
    "a limit that is no number": (with_(limit_s=float("nan")), bad("", "limit_s", "nan")),
    **{
        f"{fault.kind} at a connection": (
            with_fault(replace(fault, start=when.connection("backend.redis"))),
            wrong("faults[0].start", "plan.not_at_a_connection", "Severed", kind=fault.kind),
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
        wrong("boots[0].env.A", "name.unknown", kind="placeholder", name="{nope}"),
    ),
    "a brace alone": (
        with_(boots=(Boot(env={"A": "{"}),)),
        wrong("boots[0].env.A", "placeholder.unmatched_brace", brace="{", character=1),
    ),
    "a placeholder of another app's link": (
        with_(boots=(Boot(), Boot(app="auth", env={"A": "{redis.url}"}))),
        wrong(
            "boots[1].env.A",
            "name.unknown",
            "did you mean 'postgres.url'?",
            kind="placeholder",
            name="{redis.url}",
        ),
    ),
    "a recovery without a fault": (
        with_(faults=(), expect=(expect.Recovers(),)),
        wrong("expect[0]", "expectation.no_fault", kind="recovers"),
    ),
    "a degradation by what never ends": (
        with_(faults=(Severed(target="vpc"),), expect=(expect.Degrades(naming=("redis",)),)),
        wrong("expect[0]", "expectation.no_stop", "stop=", kind="degrades", fault="severed:vpc"),
    ),
    "a degradation by the second, which never ends": (
        with_(
            faults=(SEVERED, Severed(target="vpc", name="two")),
            expect=(expect.Degrades(naming=("redis",), fault="two"),),
        ),
        wrong("expect[0]", "expectation.no_stop", "stop=", kind="degrades", fault="two"),
    ),
    "no time": (
        expecting(expect.Starts(within_s=0.0)),
        bad("expect[0]", "within_s", "0.0", "more than 0"),
    ),
    "nothing named": (
        expecting(expect.Degrades(naming=())),
        bad("expect[0]", "naming", "()", "what the app must name"),
    ),
    "a word for a tuple": (
        expecting(expect.Degrades(naming="redis")),  # type: ignore[arg-type]
        bad("expect[0]", "naming", "'redis'", "('redis',)"),
    ),
    "a boot that the plan has not": (
        expecting(expect.Starts(boot=2)),
        bad("expect[0]", "boot", "2", "1 to 1"),
    ),
    "a boot of another app": (
        expecting(expect.Starts(app="auth")),
        bad("expect[0]", "boot", "1", "1 to 0"),
    ),
    "no writes to keep": (
        expecting(expect.KeepsAcknowledged(at_least=0)),
        bad("expect[0]", "at_least", "0", "more than 0"),
    ),
    "a recovery from what never ends": (
        with_(faults=(Severed(target="vpc"),), expect=(expect.Recovers(),)),
        wrong("expect[0]", "expectation.no_stop", "stop=", kind="recovers", fault="severed:vpc"),
    ),
    "a degradation without a fault": (
        with_(faults=(), expect=(expect.Degrades(naming=("redis",)),)),
        wrong("expect[0]", "expectation.no_fault", kind="degrades"),
    ),
    "a proof that cannot be had": (
        with_(boots=(Boot(app="auth"),), expect=(expect.Recovers(app="auth", proved=True),)),
        wrong(
            "expect[0]",
            "plan.no_writes",
            "[apps.auth.requests.<name>]",
            needed_by="recovers",
            app="auth",
        ),
    ),
}


@pytest.mark.parametrize(("change", "expected"), WRONG.values(), ids=WRONG)
def test_a_value_that_is_not_possible_is_a_problem(change: Change, expected: Expected) -> None:
    """The first one, and the plan is right without it."""
    plan = Plan(faults=(SEVERED,), expect=(expect.Starts(),))
    resolve(plan, TOPOLOGY)
    first, *_ = problems(change(plan))
    expected.check(first)


def test_what_can_be_carried_out_is_not_refused() -> None:
    """Placeholders of linked services, double braces, and a fault without a stop."""
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
