"""What several benchmarks need: figures with intervals, pinning, processor time, the machine.

Intervals are bootstrap percentiles over alternations, not over single samples: the samples of one
alternation depend on the same state of the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

RESAMPLES = 1000
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A measured value with its 95 % interval; `low` and `high` in the value's own unit."""

    value: float
    low: float
    high: float

    def __format__(self, spec: str) -> str:
        return f"{self.value:{spec}} [{self.low:{spec}}, {self.high:{spec}}]"


Statistic = Callable[[np.ndarray], float]


def figure(
    alternations: Sequence[Sequence[float]], statistic: Statistic, *, seed: int = 0
) -> Figure:
    """The statistic over all samples, with an interval by resampling complete alternations."""
    blocks = [np.asarray(block, dtype=float) for block in alternations]
    draws = np.random.default_rng(seed).integers(0, len(blocks), (RESAMPLES, len(blocks)))
    resampled = [statistic(np.concatenate([blocks[i] for i in draw])) for draw in draws]
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Figure(value=statistic(np.concatenate(blocks)), low=float(low), high=float(high))


def ratio(
    ours: Sequence[Sequence[float]],
    theirs: Sequence[Sequence[float]],
    statistic: Statistic,
    *,
    seed: int = 0,
) -> Figure:
    """statistic(ours) / statistic(theirs); the same alternations of both are resampled.

    Raises ValueError if the two have different numbers of alternations.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"{len(ours)} alternations against {len(theirs)}")
    a = [np.asarray(block, dtype=float) for block in ours]
    b = [np.asarray(block, dtype=float) for block in theirs]

    def of(draw: Sequence[int]) -> float:
        above = statistic(np.concatenate([a[i] for i in draw]))
        return above / statistic(np.concatenate([b[i] for i in draw]))

    draws = np.random.default_rng(seed).integers(0, len(a), (RESAMPLES, len(a)))
    low, high = np.percentile([of(draw) for draw in draws], [2.5, 97.5])
    return Figure(value=of(range(len(a))), low=float(low), high=float(high))


def percentile(share: float) -> Statistic:
    """A statistic: this percentile (0 to 100) of the samples."""
    return lambda samples: float(np.percentile(samples, share))


def cores() -> tuple[int, ...]:
    """The cores that this process may use, in order."""
    return tuple(sorted(os.sched_getaffinity(0)))


@contextlib.contextmanager
def pinned(allowed: set[int]) -> Iterator[None]:
    """Run this process on these cores only, and the processes that it starts meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, allowed)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_s(pid: int) -> float:
    """Processor seconds that all threads of a process have used so far, in steps of 1 ns.

    Source: /proc/<pid>/task/*/schedstat; the steps of utime and stime are 10 ms.
    """
    used_ns = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that has just ended
            used_ns += int((task / "schedstat").read_text().split()[0])
    return used_ns / 1e9


def resident_kib(pid: int) -> tuple[int, int]:
    """(RSS, PSS) of a process in KiB. Source: /proc/<pid>/smaps_rollup."""
    fields: dict[str, int] = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        key, value = line.split()[:2]
        fields[key] = int(value)
    return fields["Rss:"], fields["Pss:"]


def parser(doc: str | None) -> argparse.ArgumentParser:
    """A parser whose description is the first line of the script's docstring."""
    return argparse.ArgumentParser(description=(doc or "").splitlines()[0])


def print_machine() -> dict[str, str]:
    """Print what `machine` returns, one line each, and return it."""
    about = machine()
    print(*(f"{key:10} {value}" for key, value in about.items()), sep="\n", end="\n\n")
    return about


def machine() -> dict[str, str]:
    """Processor, cores, kernel, Python, load, and the commit, marked if files are changed."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":", 1)[1].strip() for line in info if "model name" in line), "?")
    changed = _git("status", "--porcelain", "--", "chaoslab", "benchmarks")
    return {
        "processor": model,
        "cores": str(len(cores())),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "commit": _git("rev-parse", "--short", "HEAD") + (" + changes" if changed else ""),
        "load": "{:.2f} {:.2f} {:.2f}".format(*os.getloadavg()),
    }


def _git(*words: str) -> str:
    try:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
