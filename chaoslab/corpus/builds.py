"""The builds that a campaign tests, and the pytest calls that run their scenarios."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from chaoslab.corpus.jobs import nodeid_of
from chaoslab.corpus.ledger import GOOD, state_of
from chaoslab.corpus.record import Defect, Record, Service

FIXED = "FIXED"  # with 1 in this variable a service of the field corpus runs as its twin
_OF_A_SERVICE = (".py", ".mjs", ".js", ".json", ".toml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """One build to test.

    Each of `calls` has the arguments of one pytest process. `commands` are other builds of apps, as
    for `--chaos-command`; `env` are environment variables. `record` declares how the build must be
    refused; without one, every verdict must be PASS. `state` is the version of the tested code.
    """

    name: str
    state: str
    topology: Path
    runtime: str
    calls: tuple[tuple[str, ...], ...]
    commands: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    record: Record | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GatedProject:
    """The project whose gate must refuse the defects.

    `markers` select the scenarios of the good build: the stages of the gate. `scenarios` is their
    folder, relative to the topology's. `app` is the app that a defect replaces.
    """

    topology: Path
    scenarios: str
    markers: Sequence[str]
    app: str
    runtime: str

    def good(self) -> Build:
        """The build without a defect, in every stage of the gate."""
        return self._build(GOOD, tuple(("-m", marker, self.scenarios) for marker in self.markers))

    def defective(self, record: Record, defect: Defect) -> Build:
        """The build with a defect, in the scenarios of its record."""
        ids = tuple(nodeid_of(scenario, self.scenarios) for scenario in record.runs)
        command = f"{self.app}={defect.command}"
        return self._build(record.name, (("-m", "", *ids),), (command,), record)

    def _build(
        self,
        name: str,
        calls: tuple[tuple[str, ...], ...],
        commands: tuple[str, ...] = (),
        record: Record | None = None,
    ) -> Build:
        files = [*(self.topology.parent / self.scenarios).rglob("*.py"), self.topology]
        return Build(
            name=name,
            state=f"{_package()}-{state_of(files)}-{self.runtime}",
            topology=self.topology,
            runtime=self.runtime,
            calls=calls,
            commands=commands,
            record=record,
        )


def of_service(record: Record, service: Service, runtime: str) -> Iterator[Build]:
    """The two builds of a service of the field corpus: with its bug, and its twin."""
    chosen = service.runtime or runtime
    shared = service.folder.parent / "shared"
    files = [
        path
        for folder in (service.folder, shared)
        for path in folder.glob("*")
        if path.suffix in _OF_A_SERVICE
    ]
    state = f"{_package()}-{state_of(files)}-{chosen}"
    ids = tuple(nodeid_of(scenario, ".") for scenario in record.runs)
    for name, fixed, judged_by in ((record.name, "", record), (twin_of(record.name), "1", None)):
        yield Build(
            name=name,
            state=state,
            topology=service.folder / "chaoslab.toml",
            runtime=chosen,
            calls=(("-m", "", *ids),),
            env={FIXED: fixed},
            record=judged_by,
        )


def twin_of(name: str) -> str:
    """The name of a service's twin, which differs from the service only in the fix."""
    return f"{name}-fixed"


@cache
def _package() -> str:
    """The version of chaoslab itself."""
    return state_of(Path(__file__).parent.parent.rglob("*.py"))
