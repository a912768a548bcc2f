"""Kinds of other distributions join the tables, or are refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Literal

import pytest

from chaoslab import extensions
from chaoslab.errors import SpecError
from chaoslab.expectations.base import Expectation, Run
from chaoslab.extensions import FAULTS, kind_classes
from chaoslab.faults import KINDS
from chaoslab.faults.base import Fault
from chaoslab.faults.slow import Slow
from chaoslab.model.verdict import Verdict, unknown

HERE = "test_extensions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delayed(Slow):
    """A kind of another distribution."""

    kind: Literal["delayed"] = "delayed"  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class Warms(Expectation):
    """An expectation, in the group of faults by mistake."""

    kind: Literal["warms"] = "warms"

    def judged(self, run: Run) -> Verdict:
        return unknown(self.kind, "it warms")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[EntryPoint]]:
    """The entry points that this interpreter finds."""
    points: list[EntryPoint] = []
    monkeypatch.setattr(extensions, "_installed", lambda _: tuple(points))
    return points  # type: ignore[return-value]


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name=name, value=f"{__name__}:{value}" if value else "no.such", group=FAULTS)


def table() -> dict[str, type[Fault]]:
    return dict(kind_classes(FAULTS, Fault, KINDS))  # type: ignore[type-abstract]


def test_without_extensions_the_table_is_the_packages_own(installed: list[EntryPoint]) -> None:
    """In its own order."""
    assert not installed
    assert list(table().values()) == list(KINDS)


def test_installed_kinds_come_after_those_of_the_package(installed: list[EntryPoint]) -> None:
    """By the name of its entry point."""
    installed.append(point("delayed", "Delayed"))
    assert list(table().values()) == [*KINDS, Delayed]
    assert table()["delayed"] is Delayed


@pytest.mark.parametrize(
    ("bad", "what"),
    [
        (point("slow", "Delayed"), "chaoslab itself has 'slow'"),
        (point("late", "Delayed"), "its kind is 'delayed'\n  expected 'late'"),
        (
            point("warms", "Warms"),
            "Warms\n  expected a class derived from chaoslab.faults.base.Fault",
        ),
        (point("here", "HERE"), "is a str\n  expected a class derived from"),
        (point("gone", ""), "cannot be imported: ModuleNotFoundError: No module named 'no'"),
    ],
    ids=["taken", "other name", "other group", "no class", "no module"],
)
def test_what_cannot_be_used_is_refused_by_its_distribution_and_name(
    installed: list[EntryPoint], bad: EntryPoint, what: str
) -> None:
    """With what was expected; and all of them at once."""
    installed += [bad, point("delayed", "Delayed"), point("gone", "")]
    with pytest.raises(SpecError) as raised:
        table()
    text = str(raised.value)
    assert what in text
    assert f"chaoslab.faults '{bad.name}'" in text
    assert "fix the distribution, or uninstall it" in text
    assert "'gone'" in text


def test_two_distributions_cannot_have_the_same_kind(installed: list[EntryPoint]) -> None:
    """None of them is silently the one that is used."""
    installed += [point("delayed", "Delayed"), point("delayed", "Delayed")]
    with pytest.raises(SpecError, match="another distribution has 'delayed' too"):
        table()
