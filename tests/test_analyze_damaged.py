"""A damaged run: analyze and report exit with a message, never with a traceback."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chaoslab.cli import main
from chaoslab.history.run_folder import RunFolder, RunInfo
from chaoslab.registry import kinds

GOLDEN = Path(__file__).parent / "golden" / "runs" / "first_request"
ODD: tuple[Any, ...] = (None, True, -1, 1e308, 10**30, "", "x", "NaN", [], {}, [[]], {"a": 1})
Place = tuple[str | int, ...]


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A copy of a recorded run's folder, with verdicts."""
    folder = tmp_path / "run" / "scenario"
    shutil.copytree(GOLDEN, folder)
    info = RunInfo(
        scenario="scenario",
        seed=7,
        runtime="local",
        proxy="embedded",
        started_at="2026-01-01T00:00:00+00:00",
        chaoslab="0.1.0",
        python="3.11.7",
        machine="test",
    )
    RunFolder(folder).save_before(
        RunFolder(folder).topology(), RunFolder(folder).plan(kinds()), info
    )
    assert asked("analyze", folder) == (0, "")
    return folder


def asked(command: str, folder: Path) -> tuple[int, str]:
    """Exit code and errors of the command; what it did not foresee is raised here."""
    result = CliRunner().invoke(main, [command, str(folder.parent)], catch_exceptions=False)
    return result.exit_code, result.stderr


def places(value: object, here: Place = ()) -> Iterator[Place]:
    """Every place in a JSON document."""
    if here:
        yield here
    items: Any = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        items = enumerate(value[:2])
    for key, each in items:
        yield from places(each, (*here, key))


def changed(document: Any, place: Place, odd: object, *, gone: bool) -> str:
    """The document with one place replaced, or gone."""
    document = json.loads(json.dumps(document))
    holder = document
    for key in place[:-1]:
        holder = holder[key]
    if gone:
        del holder[place[-1]]
    else:
        holder[place[-1]] = odd
    return json.dumps(document)


@pytest.mark.parametrize("name", ["topology.json", "plan.json", "run.json", "verdicts.json"])
def test_a_file_that_is_cut_off_or_no_text_is_named(saved: Path, name: str) -> None:
    """Exit 2 with the file's name: it was read in part, in another encoding, or is a folder."""
    path, command = saved / name, "analyze" if name in ("topology.json", "plan.json") else "report"
    whole = path.read_bytes()
    for damage in (
        b"",
        whole[: len(whole) // 2],
        b"\xff\xfe" + whole,
        b"[" * 50_000,
        b"7",
        b"null",
    ):
        path.write_bytes(damage)
        code, said = asked(command, saved)
        assert (code, name in said) == (2, True), (damage[:20], said)
    path.unlink()
    path.mkdir()
    code, said = asked(command, saved)
    assert (code, name in said) == (2, True), said


@pytest.mark.parametrize("name", ["topology.json", "plan.json"])
def test_no_place_of_a_file_leads_to_a_traceback(saved: Path, name: str) -> None:
    """A sample of all places, each gone and each with a value that nobody wrote."""
    path, rng = saved / name, random.Random(9)
    document = json.loads(path.read_bytes())
    everywhere = [*places(document)]
    for place in rng.sample(everywhere, 30):
        path.write_text(changed(document, place, rng.choice(ODD), gone=rng.random() < 0.4))
        assert asked("analyze", saved)[0] in (0, 1, 2)


def test_a_plan_whose_app_the_topology_lacks_does_not_fit(saved: Path) -> None:
    """Each file by itself can be read; together they cannot be judged."""
    plan = json.loads((saved / "plan.json").read_bytes())
    plan["expect"][0]["app"] = "somebody"
    (saved / "plan.json").write_text(json.dumps(plan))
    code, said = asked("analyze", saved)
    assert code == 2
    assert "unknown app 'somebody'" in said


def test_files_of_two_runs_do_not_fit_each_other(saved: Path) -> None:
    """A topology without apps, as no loader lets it pass, is not worth a traceback."""
    topology = json.loads((saved / "topology.json").read_bytes())
    topology["apps"] = {}
    (saved / "topology.json").write_text(json.dumps(topology))
    code, said = asked("analyze", saved)
    assert code == 2
    assert "do not fit each other" in said


def test_an_invalid_event_is_named_with_its_line(saved: Path) -> None:
    """The last line alone may be cut off: that is a run which was killed."""
    path = saved / "history.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    for odd in (
        b"{}\n",
        b"\xff\n",
        b'{"kind":"bound","at_s":"soon","app":[],"boot":1}\n',
        b"[" * 50_000,
    ):
        path.write_bytes(b"".join([*lines[:3], odd, *lines[3:]]))
        code, said = asked("analyze", saved)
        assert (code, "history.jsonl" in said, "line 4" in said) == (2, True, True), said


def test_a_plan_that_is_asked_for_differently_today_is_judged_all_the_same(saved: Path) -> None:
    """A run with `Serves` and a fault that is never healed could be made until that was refused."""
    path = saved / "plan.json"
    plan = json.loads(path.read_text())
    serves = {"kind": "serves", "app": plan["expect"][0]["app"], "rests_on": []}
    for each in plan["faults"]:
        each["stop"] = None
    path.write_text(json.dumps({**plan, "expect": [serves]}))
    assert asked("analyze", saved)[0] != 2
