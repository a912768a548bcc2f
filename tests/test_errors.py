"""Errors are for people: where, what, expected, and the fix, all problems at once."""

from __future__ import annotations

import pytest

from chaoslab import errors
from chaoslab.errors import (
    ChaoslabError,
    ErrorCode,
    FaultUnsupported,
    InjectionFailed,
    Problem,
    RuntimeUnavailable,
    ServiceFailed,
    SpecError,
    did_you_mean,
)
from chaoslab.reason import Reason

IT_ENDED = "it ended\n  | FATAL:\\x1b[0m\n  | bye"
WRONG = Reason(code="test.wrong", text="is wrong")
ENDED = Reason(code="test.ended", text="it ended")
FULL = ErrorCode("disk.full", "{folder} has {free_bytes} bytes", "No room.")


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem(where="a.toml: x", reason=WRONG), "a.toml: x: is wrong"),
        (
            Problem(where="a.toml: x", reason=WRONG, expected="one of: b, c"),
            "a.toml: x: is wrong\n  expected one of: b, c",
        ),
        (
            Problem(where="a.toml: x", reason=WRONG, fix="did you mean 'b'?"),
            "a.toml: x: is wrong\n  did you mean 'b'?",
        ),
        (
            Problem(where="x", reason=WRONG, expected="b", fix="add it"),
            "x: is wrong\n  expected b; add it",
        ),
        (
            Problem(where="x", reason=WRONG, expected="b", got="'c'", fix="add it"),
            "x: is wrong\n  expected b, got 'c'; add it",
        ),
        (Problem(reason=ENDED, lines=("FATAL:\x1b[0m", "bye")), IT_ENDED),
    ],
)
def test_a_problem_has_place_and_text_and_then_the_fix(problem: Problem, text: str) -> None:
    """What is not known leaves no empty words behind."""
    assert str(problem) == text


def test_a_spec_error_holds_every_problem_in_its_order() -> None:
    """One run of the loader is enough to fix a file."""
    problems = [Problem(where=f"line {n}", reason=WRONG) for n in (3, 1, 2)]
    error = SpecError(iter(problems))
    assert error.problems == tuple(problems)
    assert str(error).splitlines() == [str(problem) for problem in problems]


def test_a_program_reads_code_and_data_of_an_error() -> None:
    """The text is made from them; an error has the code of its first problem."""
    problem = Problem(where="results", reason=FULL(folder="/tmp", free_bytes=0), fix="make room")
    error = ServiceFailed(problem)
    assert (error.code, error.problems) == ("disk.full", (problem,))
    assert problem.data == {"folder": "/tmp", "free_bytes": 0}
    assert str(error) == "results: /tmp has 0 bytes\n  make room"


@pytest.mark.parametrize(
    ("word", "fix"),
    [
        ("postgress", "did you mean 'postgres'?"),
        ("vpcc", "did you mean 'vpc'?"),
        ("kafka", ""),
        ("", ""),
    ],
)
def test_only_a_word_that_is_close_is_suggested(word: str, fix: str) -> None:
    """A wrong guess is worse than none."""
    assert did_you_mean(word, ["postgres", "redis", "vpc"]) == fix


def test_nothing_known_means_nothing_suggested() -> None:
    """An empty topology has no near misses."""
    assert did_you_mean("postgres", []) == ""


@pytest.mark.parametrize(
    "kind", [SpecError, RuntimeUnavailable, ServiceFailed, InjectionFailed, FaultUnsupported]
)
def test_every_error_that_a_user_meets_can_be_caught_as_one(kind: type[Exception]) -> None:
    """Plugin and command line translate them in one place."""
    assert issubclass(kind, ChaoslabError)


def test_this_file_lists_every_error() -> None:
    """The CLI, the plugin and the gate must handle each new one."""
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, ChaoslabError)
    }
    assert found == {
        "ChaoslabError",
        "SpecError",
        "RuntimeUnavailable",
        "ServiceFailed",
        "InjectionFailed",
        "FaultUnsupported",
        "ResultsUnwritable",
    }
