"""Finds processes and folders of local labs that died together with their dead-man's switch."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from chaoslab.machine import reaper
from chaoslab.machine.environment import MARK_PREFIX
from chaoslab.runtimes.leftovers import Found, Leftover

_LAB_ID = r"(\d+)[-_]([0-9a-f]{8})"
_FOLDER = re.compile(rf"chaoslab-{_LAB_ID}")
_MARK = re.compile(rf"{MARK_PREFIX}{_LAB_ID}=1".encode())
_PLACES = (Path("/dev/shm"), Path(tempfile.gettempdir()))
_TICKS = os.sysconf("SC_CLK_TCK")
# A folder's time is coarse, and the wall clock may have been changed.
_DOUBT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lab:
    pid: int
    seed: str

    @property
    def mark(self) -> str:
        return f"{MARK_PREFIX}{self.pid}_{self.seed}=1"


def find(places: tuple[Path, ...] = _PLACES) -> Found:
    """Find every lab whose own process has ended and that left a folder or processes: each is a
    Leftover in the result.

    The processes are found by the lab's mark in their environment. `places` are the folders that
    are searched for the labs' folders.
    """
    found = Found()
    processes = _marked()
    folders = _folders(places)
    for lab in sorted({*processes, *folders}, key=lambda lab: (lab.pid, lab.seed)):
        folder = folders.get(lab)
        if not _is_dead(lab, folder):
            continue
        if folder is not None and not _ours(folder):
            found.notes.append(f"left alone: {folder}, of another user or of another container")
            continue
        found.leftovers.append(_leftover(lab, folder, processes[lab]))
    return found


def _leftover(lab: _Lab, folder: Path | None, processes: int) -> Leftover:
    what = [f"folder {folder}"] if folder is not None else []
    if processes:
        what.append(f"{processes} process{'es' * (processes > 1)} with {lab.mark}")

    def remove() -> str:
        gone = reaper.clean(lab.mark, str(folder or ""), {})
        return "" if gone else "it was not removed; check its processes and the owner of the folder"

    return Leftover(
        what=f"{' and '.join(what)} of a local lab (process {lab.pid} no longer runs)",
        remove=remove,
    )


def _marked() -> Counter[_Lab]:
    # How many processes have each lab's mark.
    labs: Counter[_Lab] = Counter()
    for pid in reaper.all_processes():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/environ", "rb") as file:
            for entry in file.read().split(b"\0"):
                if match := _MARK.fullmatch(entry):
                    labs[_Lab(pid=int(match[1]), seed=match[2].decode())] += 1
    return labs


def _folders(places: tuple[Path, ...]) -> dict[_Lab, Path]:
    labs: dict[_Lab, Path] = {}
    for place in places:
        with contextlib.suppress(OSError):
            for path in place.iterdir():
                if (match := _FOLDER.fullmatch(path.name)) and path.is_dir():
                    labs[_Lab(pid=int(match[1]), seed=match[2])] = path
    return labs


def _is_dead(lab: _Lab, folder: Path | None) -> bool:
    owner = reaper.look(lab.pid)
    if owner is None:
        return True
    if folder is None:
        return False
    # Process numbers are reused: a process that is younger than the folder did not make it.
    with contextlib.suppress(OSError, ValueError):
        return _boot_time_s() + owner.born / _TICKS > folder.stat().st_mtime + _DOUBT_S
    return False


def _boot_time_s() -> float:
    for line in Path("/proc/stat").read_text().splitlines():
        if line.startswith("btime "):
            return float(line.split()[1])
    raise ValueError("no btime in /proc/stat")


def _ours(folder: Path) -> bool:
    if os.geteuid() not in (0, folder.stat().st_uid) or folder.is_symlink():
        return False
    # A lab in a container may share this folder; its process numbers mean nothing here.
    here = _pid_namespace("self")
    return all(_pid_namespace(str(pid)) == here for pid in reaper.members("", str(folder), {}))


def _pid_namespace(pid: str) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/ns/pid")
    return ""
