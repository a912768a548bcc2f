"""What `chaoslab init` does in odd folders: the right exit code, words, and nothing left.

The folders are in `odd/`, one module for each group. After each run no process, no folder of a lab
and no temporary file may remain, and there may be no traceback; an error must have its code.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from _measure import parser, print_machine
from odd import answers, commands, compose, docker, ends, env, listens, places, signals
from odd.folder import Odd

GROUPS: Mapping[str, Mapping[str, Odd]] = {
    "compose": compose.FOLDERS,
    "docker": docker.FOLDERS,
    "commands": commands.FOLDERS,
    "env": env.FOLDERS,
    "places": places.FOLDERS,
    "ends": ends.FOLDERS,
    "listens": listens.FOLDERS,
    "answers": answers.FOLDERS,
    "signals": signals.FOLDERS,
}
READING = ("compose", "docker", "commands", "env", "places")  # nothing is started in these
WITHIN_S = 240.0  # the machine may be busy; an ordinary folder takes 15 s
GONE_WITHIN_S = 10.0
LOOK_EVERY_S = 0.02
MARK = "CHAOSLAB_ODD_FOLDER"  # a variable by which the processes of one run are found
SHARED = Path("/dev/shm")
# Python prints these at the beginning of a line; an app's own lines are indented.
OURS = ("\nTraceback (most recent", "\nException ignored in", "\nTask exception was never")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What one folder showed: its name, the exit code, the seconds, and what was wrong."""

    name: str
    code: int
    took_s: float
    wrong: tuple[str, ...] = ()
    printed: str = ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Try the folders; returns 1 if something was wrong in one of them."""
    options = parser(__doc__)
    options.add_argument("--only", nargs="+", default=[""], metavar="TEXT",
                         help="those with one of these texts in 'group: name'")  # fmt: skip
    options.add_argument("--read", action="store_true", help="those in which nothing is started")
    options.add_argument("--jobs", type=int, default=2, help="how many at a time")
    options.add_argument("--list", action="store_true", help="print the names alone")
    chosen = options.parse_args(arguments)
    folders = {
        f"{group}: {name}": odd
        for group, every in GROUPS.items()
        for name, odd in every.items()
        if any(text in f"{group}: {name}" for text in chosen.only)
        and (not chosen.read or group in READING)
    }
    if chosen.list:
        print("\n".join(folders))
        return 0
    print_machine()
    began_s, results = time.monotonic(), []
    with ThreadPoolExecutor(chosen.jobs) as pool:
        for result in pool.map(lambda each: tried(*each), folders.items()):
            results.append(result)
            show(result, len(results))
    wrong = [each for each in results if each.wrong]
    codes = Counter(each.code for each in results)
    print(
        f"{len(results)} folders in {time.monotonic() - began_s:.0f} s, {len(wrong)} wrong; "
        f"exit codes {dict(sorted(codes.items()))}"
    )
    return 1 if wrong or not results else 0


def show(result: Result, number: int) -> None:
    """Print one line; what was wrong, and what was printed, below it."""
    print(f"{number:3} {result.took_s:5.1f} s  exit {result.code:2}  {result.name}", flush=True)
    for wrong in result.wrong:
        print(f"      WRONG: {wrong}")
    if result.wrong:
        print("".join(f"      | {line[:200]}\n" for line in result.printed.splitlines()[-40:]))


def tried(name: str, odd: Odd) -> Result:
    """Make one folder, run `chaoslab init` in it, and look for what is left."""
    with tempfile.TemporaryDirectory(prefix="odd-") as place, contextlib.ExitStack() as after:
        above = Path(place).resolve()
        folder, temporary, output = above / odd.name, above / "t", above / "output"
        after.callback(_writable, folder)
        temporary.mkdir()
        folder.mkdir()
        for file, content in odd.files.items():
            path = folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        if odd.make is not None:
            odd.make(folder)
        began_s = time.monotonic()
        process = _started(odd, folder, output, {"TMPDIR": str(temporary), MARK: place})
        wrong = [*_followed(process, odd, output)]
        took_s = time.monotonic() - began_s
        printed = output.read_bytes().decode(errors="replace")
        wrong += _misses(odd, process.returncode, printed, folder)
        wrong += left(place, process.pid, temporary)
    return Result(
        name=name, code=process.returncode, took_s=took_s, wrong=tuple(wrong), printed=printed
    )


def _started(
    odd: Odd, folder: Path, output: Path, more: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    words = (sys.executable, "-m", "chaoslab.cli", "init", *odd.words)
    if odd.shell:
        words = ("sh", "-c", odd.shell.replace("{init}", shlex.join(words)))
    variables = {k: v for k, v in {**os.environ, **more, **odd.env}.items() if v is not None}
    with output.open("wb") as file:
        return subprocess.Popen(
            words, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=file,
            stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip


def _followed(process: subprocess.Popen[bytes], odd: Odd, output: Path) -> Iterator[str]:
    """Wait for the end of the process, and send it the signals of the folder. Yields what is
    wrong.
    """
    signals = [*odd.signals]
    end_s = time.monotonic() + WITHIN_S
    while process.poll() is None:
        if time.monotonic() > end_s:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            yield f"no end within {WITHIN_S:g} s"
        elif signals and signals[0][0].encode() in output.read_bytes():
            process.send_signal(signals.pop(0)[1])
        time.sleep(LOOK_EVERY_S)
    if signals:
        yield f"it never printed {signals[0][0]!r}"


def _misses(odd: Odd, code: int, printed: str, folder: Path) -> Iterator[str]:
    """What is not as the folder says that it must be."""
    if code not in odd.codes:
        yield f"exit {code}, expected {' or '.join(map(str, odd.codes))}"
    if any(each in f"\n{printed}" for each in OURS):
        yield "a traceback"
    if code in (1, 2) and not any(each in printed for each in ("codes: ", "Usage: ", "Aborted")):
        yield "an exit code without an error"
    toml = folder / "chaoslab.toml"
    text = printed + (toml.read_text() if toml.is_file() and "wrote chaoslab" in printed else "")
    yield from (f"does not say {each!r}" for each in odd.says if each not in text)
    yield from (f"says {each!r}" for each in odd.never if each in text)
    for path, content in odd.intact.items():
        there = folder / path
        if (there.read_bytes() if os.path.lexists(there) else None) != content:
            yield f"{path} is changed"


def left(place: str, pid: int, temporary: Path) -> list[str]:
    """What is left of a run, GONE_WITHIN_S seconds after its end; empty if nothing is."""
    end_s = time.monotonic() + GONE_WITHIN_S
    while found := [
        *_processes(place),
        *(f"left: {each}" for each in SHARED.glob(f"chaoslab-{pid}-*")),
        *(f"left: {each.name} in the temporary folder" for each in temporary.iterdir()),
    ]:
        if time.monotonic() > end_s:
            break
        time.sleep(LOOK_EVERY_S)
    return found


def _processes(place: str) -> Iterator[str]:
    """The processes that have the run's variable, or work in its folder."""
    mark = f"{MARK}={place}".encode()
    for name in filter(str.isdecimal, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            own = mark in Path(f"/proc/{name}/environ").read_bytes()
            if own or os.readlink(f"/proc/{name}/cwd").startswith(place):
                line = Path(f"/proc/{name}/cmdline").read_bytes().replace(b"\0", b" ")
                yield f"left: process {name}: {line[:120].decode(errors='replace')}"


def _writable(folder: Path) -> None:
    """Make the folder as it can be removed; the app may have removed it."""
    with contextlib.suppress(OSError):
        folder.chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
