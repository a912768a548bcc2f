"""Runs a gate: the preflight, the stages in their order, as many rounds as were asked for."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from chaoslab.clock import now_s, wall_time
from chaoslab.errors import Problem, SpecError, did_you_mean
from chaoslab.expectations.registry import expectations
from chaoslab.gate.calls import Calls
from chaoslab.gate.prepare import Told, selected
from chaoslab.gate.result import GateResult, RoundResult, StageResult
from chaoslab.gate.stage import StageRun
from chaoslab.history.files import check_room, make_folder
from chaoslab.model import builds
from chaoslab.model.gate import Gate, GateStage
from chaoslab.model.topology import Topology
from chaoslab.preflight.check import check_deployment

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a gate is asked to do: `stages` by name (all if none), `repeat` rounds."""

    calls: Calls
    results: Path
    stages: tuple[str, ...] = ()
    repeat: int = 1


def gate_of(topology: Topology) -> Gate:
    """The topology's gate. Raises SpecError where it has none, or names unknown verdicts."""
    if topology.gate is None:
        fix = "write a [gate] with at least one [[gate.stages]] (docs/gate.md)"
        raise SpecError([Problem(where=topology.source, what="has no gate", fix=fix)])
    known = expectations()
    wrong = [
        Problem(
            where=f"{topology.source}: gate.p1[{index}]",
            what=f"unknown verdict '{name}'",
            expected="one of: " + ", ".join(known),
            fix=did_you_mean(name, known),
        )
        for index, name in enumerate(topology.gate.p1)
        if name not in known
    ]
    if wrong:
        raise SpecError(wrong)
    return topology.gate


def chosen(gate: Gate, names: Sequence[str]) -> tuple[GateStage, ...]:
    """The stages of those names, in the gate's order; all if none is named.

    Raises SpecError with every name that no stage has.
    """
    known = [stage.name for stage in gate.stages]
    wrong = [
        Problem(
            where=f"--stage {name}",
            what="unknown stage",
            expected="one of: " + ", ".join(known),
            fix=did_you_mean(name, known),
        )
        for name in names
        if name not in known
    ]
    if wrong:
        raise SpecError(wrong)
    return tuple(stage for stage in gate.stages if not names or stage.name in names)


def run_gate(asked: Asked, say: Say) -> GateResult:
    """Run it and say what it does. What a user got wrong raises SpecError before anything runs.

    Ctrl-C and SIGTERM end it with what it has, and nothing of it goes on then; before the first
    stage they raise KeyboardInterrupt.
    """
    with _signals():
        begun_s, started_at = now_s(), wall_time()
        calls = asked.calls
        stages = chosen(calls.gate, asked.stages)
        inspected = check_deployment(calls.topology) if calls.topology.deployment else None
        refused = inspected is not None and bool(inspected.findings)
        if inspected is not None:
            say(f"preflight of {inspected.file}: {'refused' if refused else 'passed'}")
        told = {} if refused else selected(calls, stages)
        folder = _fresh(asked.results.resolve() / f"gate-{started_at:%Y%m%d-%H%M%S}")
        rounds, stopped = ((), "") if refused else _rounds(asked, stages, told, folder, say)
    return GateResult(
        topology=calls.topology.name,
        source=calls.topology.source,
        runtime=calls.runtime,
        commands=builds.shown(calls.commands),
        workers=calls.gate.workers,
        retries=calls.gate.retries,
        repeat=asked.repeat,
        started_at=started_at.isoformat(timespec="seconds"),
        seconds=round(now_s() - begun_s, 3),
        folder=str(folder),
        preflight=inspected,
        rounds=rounds,
        stopped=stopped,
    )


def _rounds(
    asked: Asked, stages: Sequence[GateStage], told: Told, folder: Path, say: Say
) -> tuple[tuple[RoundResult, ...], str]:
    """The rounds that were run, and why not all were; empty where they were."""
    rounds: list[RoundResult] = []
    stopped = ""
    for number in range(1, asked.repeat + 1):
        place = folder / f"round-{number:03}" if asked.repeat > 1 else folder
        done: list[StageResult] = []
        try:
            if asked.repeat > 1:
                say(f"round {number} of {asked.repeat}")
            _run_stages(asked.calls, stages, told, place, say, done=done)
        except KeyboardInterrupt:  # between two stages
            stopped = "interrupted"
        if any(each.abort and each.abort.cause == "interrupted" for each in done):
            stopped = "interrupted"
        missing = tuple(stage.name for stage in stages[len(done) :])
        rounds.append(RoundResult(stages=tuple(done), not_reached=missing))
        if stopped:
            where = f" in round {number} of {asked.repeat}" if asked.repeat > 1 else ""
            return tuple(rounds), stopped + where
    return tuple(rounds), ""


def _run_stages(
    calls: Calls,
    stages: Sequence[GateStage],
    told: Told,
    folder: Path,
    say: Say,
    *,
    done: list[StageResult],
) -> None:
    """Run one after the other into `done`, until one is aborted or cannot be run."""
    due_s = now_s() + calls.gate.deadline_s
    for number, stage in enumerate(stages, start=1):
        expected = told[stage.name]
        say(
            f"stage {number} of {len(stages)}: {stage.name} (-m '{stage.marker}'), "
            f"{len(expected)} scenarios, pass rate {stage.pass_rate:g}"
        )
        place = folder / f"{number}-{_slug(stage.name)}"
        done.append(StageRun(calls, stage, place, expected).run(due_s))
        say(f"stage {stage.name}: {done[-1].decision.value}{_because(done[-1])}")
        if done[-1].abort is not None or done[-1].mistake:
            break


def _because(result: StageResult) -> str:
    return f": {result.why}" if result.why else ""


def _slug(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower()).strip("-")


def _fresh(wanted: Path) -> Path:
    """A folder that no other gate has; two may begin in one second. Raises ResultsUnwritable."""
    number = 1
    while True:
        path = wanted if number == 1 else wanted.with_name(f"{wanted.name}-{number}")
        try:
            make_folder(path)
        except FileExistsError:
            number += 1
        else:
            check_room(path)
            return path


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """SIGTERM ends the gate as Ctrl-C does, and Ctrl-C does so in the background of a shell too.

    A handler is not inherited by what is started, an ignored signal is: pytest could not be
    interrupted.
    """

    def interrupt(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
