"""Topology files with one mistake or more, and the problems that the loader finds."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.errors import SpecError
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


def said(folder: Path, text: str) -> list[str]:
    path = folder / "chaoslab.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_topology(path, kinds=services.kinds())
    return [str(problem).removeprefix("chaoslab.toml: ") for problem in caught.value.problems]
