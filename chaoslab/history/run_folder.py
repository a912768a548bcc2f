"""The folder of a run: topology and plan are saved before it, the history during it, and the
verdicts after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from chaoslab.errors import UNREADABLE, ErrorCode, Problem, SpecError
from chaoslab.history.checksums import Checksums
from chaoslab.history.files import make_folder, write_file
from chaoslab.history.journal import History, read_history
from chaoslab.history.saved_plan import Kinds, first_problem, plan_json, read_plan
from chaoslab.history.saved_topology import read_topology_json
from chaoslab.model.masking import mask_of
from chaoslab.model.plan import Plan
from chaoslab.model.topology import Topology

T = TypeVar("T")
NOT_OURS = ErrorCode(
    "run.not_readable",
    "not written by this chaoslab: {cause}",
    "A file of the run has other content than this version of chaoslab writes.",
)
NO_RUN = ErrorCode("run.not_found", "contains no run", "The folder has no saved run.")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """Facts about a run: the scenario, its seed, where and when it ran, and with which versions.

    `runtime_note` says for people why the runtime was chosen, and what it cannot show.
    """

    scenario: str
    seed: int
    runtime: str
    proxy: str
    started_at: str
    chaoslab: str
    python: str
    machine: str
    runtime_note: str = ""
    disabled: str = ""  # the fault that was disabled, and how; its verdicts do not count


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one scenario's run, in `results/<run>/<scenario>/`."""

    path: Path

    def save_before(self, topology: Topology, plan: Plan, info: RunInfo) -> Checksums:
        """Save topology, plan and facts, with secrets masked, and return the checksums of the
        files. Raises ResultsUnwritable.
        """
        sums = self.save_plan(topology, plan)
        return {**sums, "run.json": self._save("run.json", RunInfo, info)}

    def save_plan(self, topology: Topology, plan: Plan) -> Checksums:
        """Save topology and plan, with secrets masked, and return the checksums of the files.
        Raises ResultsUnwritable.
        """
        with suppress(FileExistsError):
            make_folder(self.path)
        mask = mask_of(topology, plan)
        return {
            "topology.json": self._save("topology.json", Topology, mask.of(topology)),
            "plan.json": self._write("plan.json", plan_json(mask.of(plan))),
        }

    @property
    def history_path(self) -> Path:
        return self.path / "history.jsonl"

    @property
    def verdicts_path(self) -> Path:
        return self.path / "verdicts.json"

    def log_path(self, name: str) -> Path:
        """The path of the log file of the process `name` of the run."""
        return self.path / f"{name}.log"

    def topology(self) -> Topology:
        return self._read("topology.json", read_topology_json)

    def plan(self, kinds: Kinds) -> Plan:
        """The saved plan. A fault or an expectation whose kind is not in `kinds` becomes an
        UnknownFault or an UnknownExpectation. Raises SpecError if the file cannot be read.
        """
        return self._read("plan.json", lambda text: read_plan(text, kinds))

    def info(self) -> RunInfo:
        return self._load("run.json", RunInfo)

    def history(self) -> History:
        return read_history(self.history_path)

    def _save(self, name: str, kind: type[T], value: T) -> str:
        return self._write(name, TypeAdapter(kind).dump_json(value, indent=2))

    def _write(self, name: str, text: bytes) -> str:
        """Write the text into the file `name` of the folder, and return the checksum of
        the file.
        """
        data = text + b"\n"
        write_file(self.path / name, data)
        return sha256(data).hexdigest()

    def _load(self, name: str, kind: type[T]) -> T:
        return self._read(name, TypeAdapter(kind).validate_json)

    def _read(self, name: str, parse: Callable[[bytes], T]) -> T:
        path = self.path / name
        try:
            return parse(path.read_bytes())
        except OSError as error:
            raise SpecError(
                [Problem(reason=UNREADABLE(cause=error.strerror or str(error)), where=str(path))]
            ) from None
        except ValueError as error:
            reason = NOT_OURS(cause=first_problem(error))
            raise SpecError([Problem(reason=reason, where=str(path))]) from None


def scenario_folders(run: Path) -> Iterator[RunFolder]:
    """The folders of a run's scenarios, sorted by name. `run` may be the folder of one scenario.

    Raises SpecError if there is no run.
    """
    if (run / "history.jsonl").exists() or (run / "plan.json").exists():
        yield RunFolder(run)
        return
    folders = sorted(path.parent for path in run.glob("*/plan.json"))
    if not folders:
        fix = "give a folder inside results/"
        raise SpecError([Problem(reason=NO_RUN(), where=str(run), fix=fix)])
    yield from map(RunFolder, folders)
