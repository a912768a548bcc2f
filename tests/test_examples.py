"""The services in `examples/`: each folder has a short topology that the loader reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from chaoslab import services
from chaoslab.model.loader.topology import read_topology

EXAMPLES = Path(__file__).parents[1] / "examples"
FILES = sorted(EXAMPLES.glob("*/chaoslab.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.parent.name)
def test_an_example_is_short_and_can_be_read(file: Path) -> None:
    """It has at most 25 lines, of which the first says how the service is installed, and one app
    with a link.
    """
    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 25
    assert lines[0].startswith("# ")
    topology = read_topology(file, kinds=services.kinds())
    (app,) = topology.apps.values()
    assert app.links


def test_the_versions_of_python_services_are_pinned() -> None:
    """Else the next release changes what an example describes."""
    for file in EXAMPLES.glob("*/requirements.txt"):
        assert all("==" in line for line in file.read_text().splitlines())
