"""The records of the start-up defects only name scenarios and verdicts that exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from chaoslab.corpus.defects import read_defects, shipped
from chaoslab.corpus.record import Defect, Record
from chaoslab.expectations.registry import expectations

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def defects() -> dict[int, Record]:
    return {
        record.target.number: record
        for record in read_defects(shipped())
        if isinstance(record.target, Defect)
    }


def scenarios() -> set[str]:
    """Every scenario of the reference system, without its parameters."""
    found = set()
    for path in (ROOT / "scenarios").glob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(f"{path.stem[5:]}::{node.name[5:]}")
    return found


@pytest.mark.parametrize("number", range(1, 14))
def test_a_record_names_scenarios_and_verdicts_that_exist(
    defects: dict[int, Record], number: int
) -> None:
    """With an unknown name a defect would always count as missed."""
    defect = defects[number]
    assert {run.split("[")[0] for run in defect.runs} <= scenarios()
    assert {defect.primary.verdict, *defect.also} <= set(expectations())


@pytest.mark.parametrize("number", range(1, 14))
def test_a_record_cites_no_time(defects: dict[int, Record], number: int) -> None:
    """Times differ from run to run."""
    assert not [cite for cite in defects[number].primary.cites if re.search(r"\d\.\d", str(cite))]
