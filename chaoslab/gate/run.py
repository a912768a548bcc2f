"""Runs a gate: the preflight, then the stages in order, for the requested number of rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from chaoslab.clock import now_s, wall_time
from chaoslab.errors import UNKNOWN_NAME, ErrorCode, Problem, SpecError, did_you_mean
from chaoslab.expectations.registry import expectations
from chaoslab.gate.prepare import Selection, selected
from chaoslab.gate.pytest_calls import PytestCalls
from chaoslab.gate.result import GateResult, RoundResult, StageResult
from chaoslab.gate.stage import StageRun
from chaoslab.history.files import check_room
from chaoslab.history.new_folder import new_folder
from chaoslab.machine.ending import ending_like_ctrl_c
from chaoslab.model import builds
from chaoslab.model.gate import Gate, GateStage
from chaoslab.model.topology import Topology
from chaoslab.preflight.check import check_deployment

Say = Callable[[str], None]

NO_GATE = ErrorCode(
    "gate.not_declared", "has no gate", "A gate is required, but the topology has no table [gate]."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a gate is requested to run: the `stages` by name (all if empty), in `repeat` rounds."""

    calls: PytestCalls
    results: Path
    stages: tuple[str, ...] = ()
    repeat: int = 1


def gate_of(topology: Topology) -> Gate:
    """The topology's gate.

    Raises SpecError if it has none, or if the gate names unknown verdicts.
    """
    if topology.gate is None:
        fix = "write a [gate] with at least one [[gate.stages]] (docs/gate.md)"
        raise SpecError(Problem(reason=NO_GATE(), where=topology.source, fix=fix))
    known = expectations()
    wrong = [
        Problem(
            reason=UNKNOWN_NAME(kind="verdict", name=name),
            where=f"{topology.source}: gate.p1[{index}]",
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
    """The stages with these names, in the gate's order; all if no name is given.

    Raises SpecError with every unknown name.
    """
    known = [stage.name for stage in gate.stages]
    wrong = [
        Problem(
            reason=UNKNOWN_NAME(kind="stage", name=name),
            where="--stage",
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
    """Run a gate, and return its result; `say` gets a line for each step.

    Raises SpecError before anything runs. After Ctrl-C, SIGTERM or SIGHUP everything is stopped,
    and the result has what was done so far; before the first stage these raise KeyboardInterrupt.
    """
    with ending_like_ctrl_c():
        begun_s, started_at = now_s(), wall_time()
        calls = asked.calls
        stages = chosen(calls.gate, asked.stages)
        inspected = check_deployment(calls.topology) if calls.topology.deployment else None
        refused = inspected is not None and bool(inspected.findings)
        if inspected is not None:
            say(f"preflight of {inspected.file}: {'refused' if refused else 'passed'}")
        selection = {} if refused else selected(calls, stages)
        folder = new_folder(asked.results.resolve() / f"gate-{started_at:%Y%m%d-%H%M%S}")
        check_room(folder)
        rounds, stopped = ((), "") if refused else _rounds(asked, stages, selection, folder, say)
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
    asked: Asked, stages: Sequence[GateStage], selection: Selection, folder: Path, say: Say
) -> tuple[tuple[RoundResult, ...], str]:
    """Run the rounds. Returns their results, and why not all were run (empty if all were)."""
    rounds: list[RoundResult] = []
    stopped = ""
    for number in range(1, asked.repeat + 1):
        place = folder / f"round-{number:03}" if asked.repeat > 1 else folder
        done: list[StageResult] = []
        try:
            if asked.repeat > 1:
                say(f"round {number} of {asked.repeat}")
            _run_stages(asked.calls, stages, selection, place, say, done=done)
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
    calls: PytestCalls,
    stages: Sequence[GateStage],
    selection: Selection,
    folder: Path,
    say: Say,
    *,
    done: list[StageResult],
) -> None:
    """Run the stages in order, and add the result of each to `done`.

    No stage is run after one that is aborted or cannot run.
    """
    due_s = now_s() + calls.gate.deadline_s
    for number, stage in enumerate(stages, start=1):
        expected = selection[stage.name]
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
