"""Histories drawn by Hypothesis, cut anywhere: what is missing never changes a PASS into a FAIL,
and never makes a PASS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given, note
from hypothesis import strategies as st
from rigs.examples import examples

from chaoslab.history.events import AnyEvent, HealthSample, OwnSample, ProberSample, Request
from chaoslab.model.verdict import Outcome

from .altered import died
from .cases import CASES, Case
from .events import DEGRADED, HEALTHY, UNHEALTHY, UNREACHABLE
from .test_cut_short import interrupted, killed

Change = Callable[[list[AnyEvent]], list[AnyEvent]]
ASKED = HealthSample | ProberSample | Request | OwnSample
TIMES_S = st.integers(0, 160).map(lambda n: n / 20)


def dropped(start_s: float, end_s: float) -> Change:
    """No request was sent in that time."""
    return lambda events: [
        e for e in events if not (isinstance(e, ASKED) and start_s <= e.at_s < end_s)
    ]


def thinned(each: int) -> Change:
    """Of the questions only each so many was asked."""
    return lambda events: [
        e for n, e in enumerate(events) if not isinstance(e, ASKED) or n % each == 0
    ]


def altered(kind: type, start_s: float, end_s: float, **values: object) -> Change:
    """The answers in that time had other values."""
    return lambda events: [
        replace(e, **values) if isinstance(e, kind) and start_s <= e.at_s < end_s else e
        for e in events
    ]


@st.composite
def changes(draw: st.DrawFn) -> Change:
    """One way in which a run may differ."""
    start_s = draw(TIMES_S)
    end_s = start_s + draw(st.sampled_from([0.05, 0.1, 0.3, 1.0, 3.0]))
    match draw(st.sampled_from(["drop", "thin", "state", "slow", "code", "write", "die"])):
        case "drop":
            return dropped(start_s, end_s)
        case "thin":
            return thinned(draw(st.integers(2, 8)))
        case "state":
            state = draw(st.sampled_from([HEALTHY, DEGRADED, UNHEALTHY, UNREACHABLE]))
            return altered(HealthSample, start_s, end_s, state=state)
        case "slow":
            took_s = draw(st.sampled_from([0.1, 0.3, 0.45, 0.7, 1.0]))
            kind = draw(st.sampled_from([HealthSample, ProberSample, Request, OwnSample]))
            return altered(kind, start_s, end_s, took_s=took_s)
        case "code":
            return altered(ProberSample, start_s, end_s, status_code=503)
        case "write":
            outcome = draw(st.sampled_from(["ok", "failed", "indeterminate"]))
            code = draw(st.sampled_from([201, 500, 503]))
            return altered(Request, start_s, end_s, outcome=outcome, status_code=code)
        case _:
            return lambda events: died(start_s, events)


@st.composite
def runs(draw: st.DrawFn) -> tuple[str, list[AnyEvent]]:
    """A case, and one of its runs with up to three changes."""
    name = draw(st.sampled_from(sorted(CASES)))
    case = CASES[name]
    events = draw(st.sampled_from([case.keeps, *case.breaks]))
    for change in draw(st.lists(changes(), max_size=3)):
        events = change(events)
    return name, events


@examples(300)
@given(runs(), st.sampled_from([killed, interrupted]), st.data())
def test_a_part_never_fails_where_the_whole_passes_nor_passes_where_it_does_not(
    run: tuple[str, list[AnyEvent]], how: Callable[..., object], data: st.DataObject
) -> None:
    """Wherever it was cut."""
    name, events = run
    case: Case = CASES[name]
    whole = case.outcome(events)
    parts = list(how(events))
    part = data.draw(st.sampled_from(parts))
    found = case.outcome(part)
    note(f"{name}: whole {whole}, part to {max((e.at_s for e in part), default=0):.2f} {found}")
    if whole is Outcome.PASS:
        assert found is not Outcome.FAIL
    else:
        assert found is not Outcome.PASS
