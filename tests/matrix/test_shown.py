"""What is printed of a run: text, Markdown and JSON; and what it decides."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO

from rich.console import Console
from rigs.cell_histories import topology

from chaoslab.behaviour.dependency import dependencies
from chaoslab.behaviour.described import not_known
from chaoslab.behaviour.steady import Problem
from chaoslab.behaviour.words import LAB_FAILED
from chaoslab.evidence.soundness import LATE
from chaoslab.matrix.decision import decide
from chaoslab.matrix.document import as_json
from chaoslab.matrix.markdown import as_markdown
from chaoslab.matrix.run import MatrixRun, Ran
from chaoslab.matrix.table import matrix_text
from chaoslab.model.known_gap import KnownGap
from chaoslab.model.policy import Policies
from chaoslab.model.verdict import Outcome
from chaoslab.verdicts.judge import ALONE

from .rig import AT_BOOT, RUNNING, STEADY, behaviours, matrix, verdict

SHOP = topology()
TODAY = date(2026, 6, 1)
POLICIES = {"postgres": Policies(boot={"refused": "exit"}, running={"refused": "unavailable"})}
GATED = replace(SHOP, apps={"web": replace(SHOP.apps["web"], policies=POLICIES)})


def printed(run: MatrixRun) -> str:
    """What a terminal of 80 columns shows."""
    console = Console(width=80, file=StringIO())
    console.print(matrix_text(run, decide(run, SHOP, len(run.ran), gate=False, today=TODAY)))
    assert isinstance(console.file, StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


def test_the_table_fits_a_terminal_and_has_a_heading_for_each_moment() -> None:
    """80 columns; the decision is at the end."""
    text = printed(matrix())
    assert max(map(len, text.splitlines())) <= 80
    assert "postgres, at boot\n" in text
    assert '  refused          exits 1 after 1.5 s ("ECONNREFUSED")' in text
    assert text.endswith("wrong under any policy: none of 3 known cells\nsaved in /results/run-1")


def test_a_failed_verdict_is_below_the_table_with_its_reasons() -> None:
    """And its row begins with FAIL."""
    text = printed(matrix(running=Outcome.FAIL))
    assert "FAIL reports healthy while requests fail" in text
    assert "FAIL    postgres-refused-running: honest_health: no false health" in text
    assert "          28 of 28 requests failed" in text
    assert "wrong under any policy: 1 of 3 known cells" in text


def test_text_from_the_app_cannot_steer_the_terminal() -> None:
    """The last words of the app are escaped."""
    problem = Problem(app="web", because=(), log=("\x1b[2Jgone",), fix="fix it")
    assert "\x1b" not in printed(matrix(problem))


def test_the_problem_of_a_steady_state_has_words_fix_and_log() -> None:
    """The first that a new user reads."""
    problem = Problem(app="web", because=(), log=("KeyError: 'PORT'",), fix="set PORT")
    text = printed(matrix(problem))
    assert "'web' is not healthy without a fault, so no fault was injected:" in text
    assert "    | KeyError: 'PORT'\n  fix: set PORT\n" in text
    assert "the whole log: /results/run-1/steady/app-web.log" in text


def test_json_has_codes_data_and_texts() -> None:
    """For programs."""
    run = matrix(running=Outcome.FAIL)
    found = json.loads(as_json(run, decide(run, SHOP, 3, gate=False, today=TODAY), topology()))
    assert [cell["name"] for cell in found["cells"]] == [
        "steady",
        "postgres-refused-boot",
        "postgres-refused-running",
    ]
    exit_ = found["cells"][1]["lines"][0]
    assert (exit_["code"], exit_["data"]["codes"]) == ("cell.exits", [1])
    assert found["dependencies"][0]["needs"] == {"refused": "hard"}
    assert (found["failed"], found["exit_code"]) == (["postgres-refused-running"], 1)


def test_markdown_has_a_row_for_each_cell() -> None:
    """And escapes what would break its table."""
    run = matrix(running=Outcome.FAIL)
    text = as_markdown(run, decide(run, SHOP, 3, gate=False, today=TODAY))
    assert "| postgres refused, at boot | exits 1 after 1.5 s" in text
    assert "| web | postgres | hard |" in text
    assert "- **FAIL** `postgres-refused-running`" in text


def test_a_run_that_only_describes_fails_for_what_is_wrong_under_any_policy() -> None:
    """A verdict that is UNKNOWN does not: the cell is described."""
    assert decide(matrix(running=Outcome.FAIL), SHOP, 3, gate=False, today=TODAY).exit_code == 1
    described = decide(matrix(running=Outcome.UNKNOWN), SHOP, 3, gate=False, today=TODAY)
    assert (described.exit_code, described.unknown) == (0, ())


def test_a_gate_fails_for_an_accepted_cell_that_is_not_known() -> None:
    """With accepted policies the run is a gate. A cell without a policy is only listed."""
    run = matrix(running=Outcome.UNKNOWN)
    unknown = decide(run, GATED, 3, gate=True, today=TODAY)
    assert (unknown.exit_code, unknown.unknown) == (1, ("postgres-refused-running",))
    listed = decide(run, SHOP, 3, gate=True, today=TODAY)
    assert (listed.exit_code, listed.unknown) == (0, ("postgres-refused-running",))
    assert decide(matrix(running=Outcome.PASS), GATED, 3, gate=True, today=TODAY).exit_code == 0


def test_cells_that_were_not_run_and_steady_states_that_are_not_healthy_fail() -> None:
    """Nothing follows about the others."""
    stopped = replace(matrix(), interrupted=True)
    assert (
        decide(stopped, SHOP, 5, gate=False, today=TODAY).text
        == "interrupted: 2 of 5 cells were not run"
    )
    assert decide(stopped, SHOP, 5, gate=False, today=TODAY).exit_code == 1
    again = decide(stopped, SHOP, 3, gate=False, today=TODAY)
    assert again.text.startswith("interrupted while cells were run again")
    problem = Problem(app="web", because=(), log=(), fix="")
    assert decide(matrix(problem), SHOP, 3, gate=False, today=TODAY).exit_code == 1


def test_a_cell_that_is_not_possible_here_is_not_unknown() -> None:
    """It is shown with its reason, and decides nothing."""
    run = matrix()
    lost = not_known(AT_BOOT, LAB_FAILED(why="no port"))
    run.ran[AT_BOOT] = Ran(cell=AT_BOOT, behaviour=lost, possible=False)
    assert decide(run, SHOP, 3, gate=True, today=TODAY).unknown == ()
    run.ran[AT_BOOT] = Ran(cell=AT_BOOT, behaviour=lost)
    assert decide(run, SHOP, 3, gate=True, today=TODAY).unknown == ("postgres-refused-boot",)


def test_the_map_has_what_each_service_is_needed_for() -> None:
    """From the cells at boot and while running."""
    every = behaviours()
    assert dependencies(every.values())[0].needs == {"refused": "hard"}
    assert dependencies([every[RUNNING], every[STEADY]])[0].needs == {"refused": "not known"}


def test_a_machine_that_was_too_busy_is_named_with_the_fix() -> None:
    """Most likely the cells were too many at a time; one at a time has no such fix."""
    run = replace(matrix(), workers=4)
    late = not_known(AT_BOOT, LATE(late_s=1.5))
    run.ran[AT_BOOT] = Ran(cell=AT_BOOT, behaviour=late)
    decision = decide(run, SHOP, 3, gate=False, today=TODAY)
    assert decision.text.endswith(
        "not known: postgres-refused-boot (this machine was too busy: try --workers 1)"
    )
    assert decision.exit_code == 0
    alone = decide(replace(run, workers=1), SHOP, 3, gate=False, today=TODAY)
    assert alone.text.endswith("not known: postgres-refused-boot (this machine was too busy)")


def test_a_fail_that_the_machine_excuses_is_shown_and_not_counted_as_well() -> None:
    """Else the row would say that requests fail, and the decision that nothing is wrong."""
    run = matrix()
    late = (LATE(late_s=0.6), ALONE(outcome="FAIL"))
    excused = verdict(Outcome.UNKNOWN, *late)
    run.ran[RUNNING] = replace(run.ran[RUNNING], verdicts=(excused,))
    assert "UNKNOWN reports healthy while requests fail" in printed(run), "its row"
    assert "UNKNOWN postgres-refused-running: honest_health: no false health" in printed(run)
    decision = decide(run, SHOP, 3, gate=False, today=TODAY)
    assert decision.unknown == ("postgres-refused-running",)
    assert "this machine was too busy" in decision.text


def test_a_known_gap_is_shown_and_does_not_fail_the_run_until_it_expires() -> None:
    """The verdict stays in the output; the cell is no longer among the failed ones."""
    gap = KnownGap(
        run="postgres-refused-running",
        verdict="honest_health",
        reason="PR 12",
        owner="payments",
        since=TODAY,
        expires=TODAY,
    )
    run, shop = matrix(running=Outcome.FAIL), replace(SHOP, known_gaps=(gap,))
    known = decide(run, shop, 3, gate=False, today=TODAY)
    assert (known.exit_code, known.failed) == (0, ())
    assert known.tolerated == ("postgres-refused-running",)
    assert known.text.endswith("none of 3 known cells; known gaps: postgres-refused-running")
    assert "known gap `postgres-refused-running`" in as_markdown(run, known)
    found = json.loads(as_json(run, known, shop))
    (note,) = found["known_gaps"]["postgres-refused-running"]
    assert note["code"] == "known_gap.tolerated"
    console = Console(width=80, file=StringIO())
    console.print(matrix_text(run, known))
    assert isinstance(console.file, StringIO)
    assert "known gap: reports healthy while requests fail" in console.file.getvalue()
    late = decide(run, shop, 3, gate=False, today=TODAY + timedelta(days=1))
    assert (late.exit_code, late.tolerated) == (1, ())
    fixed = decide(matrix(running=Outcome.PASS), shop, 3, gate=False, today=TODAY)
    assert (fixed.exit_code, fixed.failed) == (1, ("postgres-refused-running",))


def test_a_gate_fails_for_what_is_not_known_beside_a_known_gap() -> None:
    """Only the FAIL is tolerated, not the claim that could not be judged."""
    gap = KnownGap(
        run="postgres-refused-running",
        verdict="honest_health",
        reason="PR 12",
        owner="payments",
        since=TODAY,
        expires=TODAY,
    )
    other = replace(verdict(Outcome.UNKNOWN), name="comes_back")
    run, shop = matrix(), replace(GATED, known_gaps=(gap,))
    run.ran[RUNNING] = replace(run.ran[RUNNING], verdicts=(verdict(Outcome.FAIL), other))
    decision = decide(run, shop, 3, gate=True, today=TODAY)
    assert decision.unknown == ("postgres-refused-running",)
    assert decision.exit_code == 1


def test_a_need_that_is_stronger_than_accepted_fails_a_gate_with_its_reason() -> None:
    """The app was accepted to start without the service, and does not any more."""
    for need, fails in (
        ("soft", True),
        ("lazy", True),
        ("hard only at boot", True),
        ("hard", False),
    ):
        web = replace(GATED.apps["web"], needs={"postgres": {"refused": need}})  # type: ignore[dict-item]
        topology = replace(GATED, apps={"web": web})
        run = matrix(boot=Outcome.PASS, running=Outcome.PASS)
        decision = decide(run, topology, 3, gate=True, today=TODAY)
        assert (decision.exit_code, bool(decision.needs)) == ((1, True) if fails else (0, False))
        assert decide(run, topology, 3, gate=False, today=TODAY).needs == ()
    soft = replace(web, needs={"postgres": {"refused": "soft"}})
    slow = matrix(boot=Outcome.UNKNOWN, running=Outcome.PASS)
    gated = replace(GATED, apps={"web": soft})
    assert decide(slow, gated, 3, gate=True, today=TODAY).needs == ()
    decision = decide(run, replace(GATED, apps={"web": soft}), 3, gate=True, today=TODAY)
    assert "; needs more than accepted: web.postgres" in decision.text
    why = "web needs postgres for more than was accepted, refused: hard, accepted as soft; the app"
    assert why in decision.needs[0].text
    found = json.loads(as_json(run, decision, topology))
    assert found["needs_more"][0]["code"] == "dependency.stronger"
    assert "- **FAIL** web needs postgres" in as_markdown(run, decision)
    console = Console(width=80, file=StringIO())
    console.print(matrix_text(run, decision))
    assert isinstance(console.file, StringIO)
    assert "FAIL    web needs postgres for more than was accepted" in console.file.getvalue()
