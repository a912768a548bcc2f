"""Made searches: the state of each length is known, and nothing runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from chaoslab.history.events import FaultHealing, FaultInForce
from chaoslab.history.journal import History, Journal
from chaoslab.history.run_folder import RunFolder
from chaoslab.model.lengths import Search
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology
from chaoslab.model.verdict import Outcome, Verdict
from chaoslab.reason import Reason
from chaoslab.report.how_long import save_how_long
from chaoslab.report.runs import save_verdicts
from chaoslab.verdicts.how_long import HowLong
from chaoslab.verdicts.tried_length import State, Tried, tried

BEGAN_S = 1.0
OUTCOMES = {
    "survived": Outcome.PASS,
    "broke": Outcome.FAIL,
    "failed": Outcome.FAIL,
    "undecided": Outcome.UNKNOWN,
}
Truth = Callable[[float], State]


def held(held_s: float | None) -> History:
    """A history in which the fault `cut` was in force for so long."""
    if held_s is None:
        return History(())
    began = FaultInForce(at_s=BEGAN_S + 0.01, fault="cut", since_s=BEGAN_S, seen="read back")
    healing = FaultHealing(at_s=BEGAN_S + held_s, fault="cut", why="its time is over")
    return History((began, healing))


def verdict(outcome: Outcome, *rests_on: str, name: str = "recovers") -> Verdict:
    """A verdict with one reason."""
    why = Reason(code="made.up", text=f"made to be {outcome.value}")
    return Verdict(
        name=name, outcome=outcome, claim="it recovers", because=(why,), rests_on=rests_on
    )


def verdicts_of(state: State) -> tuple[Verdict, ...]:
    """The verdicts of a run that shows this state."""
    return (verdict(OUTCOMES[state], "other" if state == "failed" else "cut"),)


def length(length_s: float, state: State, run: str = "") -> Tried:
    """A length that was tried and has this state."""
    run = run or f"run-{length_s:g}s"
    return tried("cut", length_s, run, verdicts_of(state), held(length_s + 0.2))


def search(
    *lengths_s: float,
    at_least_s: float | None = None,
    narrow_to_s: float | None = None,
    try_all: bool = False,
) -> Search:
    """A search as `chaos.how_long` makes it."""
    asked_s = {*lengths_s, *(() if at_least_s is None else (at_least_s,))}
    return Search(
        fault="cut",
        lengths_s=tuple(sorted(asked_s)),
        at_least_s=at_least_s,
        narrow_to_s=narrow_to_s,
        try_all=try_all,
        within_s=60.0,
    )


def searched(asked: Search, truth: Truth, most: int = 200) -> HowLong:
    """The search, carried out on an app whose state at each length is `truth`; for at most so many
    lengths.
    """
    found = HowLong(search=asked, tried=())
    while (length_s := found.next_s) is not None and len(found.tried) < most:
        found = HowLong(search=asked, tried=(*found.tried, length(length_s, truth(length_s))))
    return found


def breaks_from(threshold_s: float) -> Truth:
    """An app that survives every length below the threshold, and no other."""
    return lambda length_s: "survived" if length_s < threshold_s else "broke"


def saved(home: Path, asked: Search, *states: State) -> Path:
    """A search that tried 1 s, 2 s, … with these states, and its runs. Returns its folder."""
    made = []
    for length_s, state in enumerate(states, start=1):
        folder = RunFolder(home / f"a-{length_s}s")
        folder.save_plan(Topology(name="t", services={}, apps={}), Plan(name=folder.path.name))
        journal = Journal(folder.history_path)
        for event in held(length_s + 0.2).events:
            journal.append(event)
        journal.close()
        save_verdicts(folder, verdicts_of(state))
        made.append(length(float(length_s), state, folder.path.name))
    place = home / "a-how_long"
    place.mkdir()
    save_how_long(place, HowLong(search=asked, tried=tuple(made)))
    return place
