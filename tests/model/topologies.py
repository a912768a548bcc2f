"""Topology files with one mistake or more, and the problems that the loader finds."""

from __future__ import annotations

from pathlib import Path

import pytest
from rigs.problems import Expected, wrong

from chaoslab import services
from chaoslab.errors import Problem, SpecError
from chaoslab.model.loader import read_topology

BASE = """
version = 1
[services.postgres]
kind = "postgres"
[services.redis]
kind = "redis"
[apps.backend]
command = ["{python}", "app.py"]
links = ["postgres"]
"""


def problems_of(folder: Path, text: str) -> tuple[Problem, ...]:
    """The problems of a topology file with that text."""
    path = folder / "chaoslab.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_topology(path, kinds=services.kinds())
    return caught.value.problems


def bad(place: str, value: str, type_: str, hint: str = "") -> Expected:
    """A value of another type, or one that is not allowed there."""
    return wrong(place, "topology.bad_value", hint, value=value, type=type_)
