"""The topologies of `examples/` are valid and short."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.model.loader import load_topology

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "examples").glob("*/*.toml"))


def test_the_examples_are_found() -> None:
    """The next test would pass without any."""
    assert "miniflux" in {path.parent.name for path in EXAMPLES}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_example_is_valid_and_short(path: Path) -> None:
    """It is read without a problem, has at most 25 lines, and its first says how to install."""
    topology = load_topology(path, kinds=services.kinds())
    lines = path.read_text().splitlines()
    assert topology.apps
    assert len(lines) <= 25
    assert lines[0].startswith("# ")
