"""A column of another distribution cannot take the place of one of the report's own."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from chaoslab import extensions
from chaoslab.errors import SpecError
from chaoslab.report.columns import Column, columns

TAKEN = Column(name="bind_s", heading="bind", of=lambda history, app, boot: 0.0)
FREE = Column(name="wait_s", heading="wait", of=lambda history, app, boot: 0.0)


def install(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    point = EntryPoint(name=name, value=f"{__name__}:{value}", group=extensions.COLUMNS)
    monkeypatch.setattr(extensions, "_installed", lambda _: (point,))


def test_a_name_of_the_reports_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its figures would be shown as the lab's."""
    install(monkeypatch, "bind_s", "TAKEN")
    with pytest.raises(SpecError, match="'bind_s' is not a valid column name"):
        columns()


def test_a_name_of_its_own_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the name of its entry point."""
    install(monkeypatch, "wait_s", "FREE")
    assert columns() == {"wait_s": FREE}
