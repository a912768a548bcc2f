"""A project with a gate, whose scenarios need no servers: they write down what a run would have.

The verdicts, histories and folders are of the same making as a lab's, so that the gate reads them
as it reads a real run's; that it runs real ones too is `test_real.py`'s to show.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as xml

from rigs import projects

TOPOLOGY = """
version = 1
name = "tiny"
[services.redis]
kind = "redis"
[apps.app]
command = ["{python}", "-m", "no_such_app"]
links = ["redis"]
"""
INI = f"""
[pytest]
addopts = --strict-markers --strict-config {projects.NO_HYPOTHESIS}
asyncio_default_fixture_loop_scope = function
markers =
    one: first
    two: second
"""
CONFTEST = '''
"""Scenarios whose runs are written down at once."""
from pathlib import Path
import pytest


@pytest.fixture
def saw(request):
    """`saw(starts="FAIL", recovers="PASS")`: a run with those verdicts, and the events given."""
    def write(*events, expect=(), **verdicts):
        # imported only here: most of a gate's pytests only collect
        from chaoslab import services
        from chaoslab.history.journal import Journal
        from chaoslab.history.run_folder import RunFolder, RunInfo
        from chaoslab.model.loader import load_topology
        from chaoslab.model.plan import Boot, Plan
        from chaoslab.model.verdict import Outcome, Verdict
        from chaoslab.reason import Reason
        from chaoslab.report.runs import save_verdicts

        info = RunInfo(scenario="x", seed=1, runtime="local", proxy="embedded", started_at="",
                       chaoslab="0", python="3", machine="here")
        place = Path(request.config.getoption("--chaos-results")) / "run" / request.node.name
        folder = RunFolder(place)
        file = Path(request.config.getoption("--chaos-topology"))
        topology = load_topology(file, kinds=services.kinds())
        folder.save_before(topology, Plan(name="x", boots=(Boot(),), expect=tuple(expect)), info)
        journal = Journal(folder.history_path)
        for event in events:
            journal.append(event)
        journal.close()
        made = tuple(Verdict(name=name, outcome=Outcome(outcome), claim=f"{name} holds",
                             because=(Reason(code=f"{name}.seen", data={"outcome": outcome},
                                      text=f"{name} was seen to be {outcome} <&|>"),))
                     for name, outcome in verdicts.items())
        save_verdicts(folder, made)
        request.node.user_properties.append(("chaos_run", str(place)))
        bad = [name for name, outcome in verdicts.items() if outcome != "PASS"]
        if bad:
            pytest.fail(f"not passed: {bad}", pytrace=False)
    return write
'''
HEAD = "import os, time, signal, pytest\nfrom pathlib import Path\n"


def stage(name: str, marker: str, rate: float = 1.0, more: str = "") -> str:
    """One stage of a gate."""
    return f'[[gate.stages]]\nname = "{name}"\nmarker = "{marker}"\npass_rate = {rate}\n{more}\n'


class Gated(projects.Project):
    """A folder with a topology that has a gate, and scenarios."""

    def __init__(self, folder: Path, files: Mapping[str, str], scenarios: str) -> None:
        super().__init__(folder, {**files, "scenarios/test_tiny.py": scenarios})
        self.place = folder / "scenarios"

    def gate(self, *words: str, **env: str) -> tuple[int, str]:
        """Its exit code and all that was printed, by its pytests too."""
        return self.run(projects.CHAOSLAB, "gate", *words, **env)

    @property
    def results(self) -> Path:
        """The one gate's folder."""
        (folder,) = (self.folder / "results").glob("gate-*")
        return folder

    def verdict(self) -> dict[str, object]:
        """What the gate wrote for machines."""
        found: dict[str, object] = json.loads((self.results / "verdict.json").read_text())
        return found

    def junit(self) -> xml.Element:
        """What the gate wrote for CI systems."""
        return xml.parse(self.results / "junit.xml").getroot()


class Project(Gated):
    """One whose scenarios write down their runs."""

    def __init__(
        self, folder: Path, scenarios: str, gate: str, *, head: str = '[gate]\nruntime = "local"\n'
    ) -> None:
        files = {"chaoslab.toml": TOPOLOGY + head + gate, "pytest.ini": INI}
        super().__init__(folder, {**files, "scenarios/conftest.py": CONFTEST}, HEAD + scenarios)

    def gate(self, *words: str, **env: str) -> tuple[int, str]:
        """The same, which is never a traceback."""
        return self.chaoslab("gate", *words, **env)
