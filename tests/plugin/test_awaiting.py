"""A scenario that was not awaited did not run: the test fails, with the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from .project import Project

NOT_AWAITED = "chaos.run(…) was not awaited, no scenario ran: write `await chaos.run(…)`"
EXPECT = 'expect=[expect.Starts(app="good", mode="normal")]'
SCENARIOS = f"""
async def test_forgotten(chaos):
    chaos.run({EXPECT})

def test_plain(chaos):
    chaos.run({EXPECT})

async def test_other_failure(chaos):
    chaos.run({EXPECT})
    raise ValueError("the test's own")

def test_no_loop(chaos):
    with pytest.raises(pytest.fail.Exception, match="trio is unsupported"):
        chaos.run({EXPECT}).send(None)
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of one pytest for all of them."""
    project = Project(tmp_path_factory.mktemp("awaiting"), SCENARIOS)
    code, said = project.pytest("-rA", "--chaos-progress=off")
    assert code == 1
    return said


@pytest.mark.parametrize("test", ["forgotten", "plain"])
def test_a_run_that_was_not_awaited_fails_by_name(said: str, test: str) -> None:
    """In an async test and in a plain one."""
    assert f"_ test_{test} _" in said
    assert said.count(f"\n{NOT_AWAITED}\n") == 2
    assert f"FAILED test_tiny.py::test_{test} - Failed: chaos.run(…) was not" in said


def test_a_failure_of_the_tests_own_comes_first(said: str) -> None:
    """Then there is no second failure and no warning about the coroutine."""
    assert "FAILED test_tiny.py::test_other_failure - ValueError: the test's own" in said


def test_without_asyncio_one_line_names_what_is_supported(said: str) -> None:
    """As under trio, which has no such loop."""
    assert "PASSED test_tiny.py::test_no_loop" in said


def test_python_has_nothing_left_to_warn_of(said: str) -> None:
    """No "never awaited" from the garbage collector, and no error of a fixture's."""
    assert "RuntimeWarning" not in said
    assert "never awaited" not in said
    assert "3 failed, 1 passed" in said


def test_anyios_own_plugin_on_asyncio_runs_a_scenario(tmp_path: Path) -> None:
    """Where pytest-asyncio leaves the test to it."""
    scenario = f"""
@pytest.fixture
def anyio_backend():
    return "asyncio"

@pytest.mark.anyio
async def test_good(chaos):
    await chaos.run({EXPECT})
"""
    code, told = Project(tmp_path, scenario).pytest("-q", "-o", "asyncio_mode=strict")
    assert (code, "1 passed" in told) == (0, True), told


def test_a_run_that_was_left_behind_fails(tmp_path: Path) -> None:
    """Begun as a task, and not waited for: pytest's loop takes it away with the test, and what it
    had opened by then is closed.
    """
    scenario = f"""
import asyncio

async def test_left_behind(chaos):
    run = asyncio.create_task(chaos.run({EXPECT}))
    await asyncio.sleep(0)
"""
    code, told = Project(tmp_path, scenario).pytest("-q", "--chaos-progress=off")
    assert code == 1
    assert "the test ended before chaos.run(…) did: write `await chaos.run(…)`" in told
    assert "FAILED test_tiny.py::test_left_behind" in told
    assert "ResourceWarning" not in told


def test_a_failure_in_an_unawaited_task_fails_the_test(tmp_path: Path) -> None:
    """The task that has it is over before the test is; one that was awaited, in whatever way, is
    the test's own business.
    """
    fails = EXPECT.replace("good", "exits")
    scenario = f"""
import asyncio

async def test_left_alone(chaos):
    run = asyncio.create_task(chaos.run({fails}))
    await asyncio.wait([run])

async def test_looked_at(chaos):
    (failure,) = await asyncio.gather(chaos.run({fails}), return_exceptions=True)
    assert isinstance(failure, pytest.fail.Exception)
"""
    code, told = Project(tmp_path, scenario).pytest("-q", "--chaos-progress=off")
    assert code == 1
    assert "1 failed, 1 passed" in told
    assert "FAILED test_tiny.py::test_left_alone" in told
    assert "chaos.run(…) ended, but the test did not await it: " in told
