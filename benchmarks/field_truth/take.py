"""What a service does under a fault, taken without chaoslab: real servers, packet rules, curl.

    unshare --net -- python benchmarks/field_truth/take.py --into FOLDER --draw 60
    unshare --net -- python benchmarks/field_truth/take.py --into FOLDER miniflux/steady

A cell is APP/SERVER-FAULT-MOMENT, with the words of docs/run.md. Each cell gets fresh servers and
leaves one text log, for a person to read. Nothing is judged here, and nothing of chaoslab is used.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import rules
from apps import APPS
from servers import Server

SEED = 20261130
LINKS = ("refused", "dropped", "silent", "silent_dead")
SERVED_S, STEADY_S, HELD_S, STOPS_S, AFTER_S = 1.0, 3.0, 8.0, 12.0, 15.0
EVERY_S = 0.5  # curl asks so often
PORT = 8080
MARKS = ("FAULT", "HEAL")
Line = tuple[float, str, str]  # when, who, what


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How long a fault is held, and how the app is asked: how long curl waits for health and for a
    request, and whether a request is sent only when the last one is over.
    """

    held_s: float = HELD_S
    health_s: float = 4
    request_s: float = 4
    one_by_one: bool = True


AS_THE_LAB = Way(health_s=1, request_s=2, one_by_one=False)


def every_cell() -> list[str]:
    """The names of all cells: for each app those that docs/run.md lists."""
    return [
        f"{app.name}/{cell}"
        for app in APPS
        for cell in (
            "steady",
            *(f"{app.server}-{fault}-boot" for fault in LINKS),
            *(f"{app.server}-{fault}-running" for fault in (*LINKS, "stopped", "restarted")),
            f"{app.server}-silent-sigterm",
        )
    ]


def main() -> int:
    """Take the cells that are named or drawn, one after the other."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("cells", nargs="*", help="names of cells, or of apps")
    options.add_argument("--draw", type=int, default=0, help="draw so many of all cells")
    options.add_argument("--list", action="store_true", help="only print the names")
    options.add_argument("--as-the-lab", action="store_true", help="ask as often as the lab asks")
    options.add_argument("--held", type=float, default=HELD_S, help="seconds of a fault")
    options.add_argument("--into", type=Path, default=Path("field-truth"), help="for the logs")
    chosen = options.parse_args()
    drawn = random.Random(SEED).sample(every_cell(), chosen.draw) if chosen.draw else every_cell()
    cells = [c for c in drawn if not chosen.cells or {c, c.split("/")[0]} & {*chosen.cells}]
    if chosen.list:
        print(*cells, sep="\n")
        return 0
    rules.refuse_to_run_beside_others()
    way = replace(AS_THE_LAB if chosen.as_the_lab else Way(), held_s=chosen.held)
    for cell in cells:
        print(cell, flush=True)
        Cell(cell, way, chosen.into.resolve()).take()
    return 0


class Cell:
    """One cell, with its server, its app and its log."""

    def __init__(self, cell: str, way: Way, into: Path) -> None:
        self.way = way
        name, _, rest = cell.partition("/")
        self.app = next(app for app in APPS if app.name == name)
        _, self.fault, self.moment = ("-", "none", rest) if rest == "steady" else rest.split("-")
        self.folder = into / name / rest
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        made = into / name / "prepared"
        if not made.exists():
            self._prepare(made)
        (self.folder / "server").mkdir()
        subprocess.run(["cp", "-a", f"{made}/.", str(self.folder / "server")], check=True)
        self.server = Server(self.app.server, self.folder / "server")
        self.log = Log()
        self.good, self.over = threading.Event(), threading.Event()
        self.row = {"health": 0, "request": 0}  # good answers in a row
        self.process: subprocess.Popen[bytes] | None = None

    def take(self) -> None:
        """Run the cell from the start of the server to its end."""
        rules.prepare(self.fault)
        self.server.start()
        at_boot = self.moment == "boot"
        if at_boot:
            self._inject()
        tasks = (self._supervise, self._health, self._requests, self._lag)
        runs = [threading.Thread(target=each) for each in tasks]
        for each in runs:
            each.start()
        try:
            self._follow(at_boot)
        finally:
            self.over.set()
            self._end()
            for each in runs:
                each.join()
            self.server.stop()
            self.log.write(self.folder / "log")

    def _follow(self, at_boot: bool) -> None:
        if not at_boot:
            if not self.good.wait(60):
                self.log.line("health was not good within 60 s: no fault")
                return
            self.log.line("start-up complete: health is good")
            time.sleep(STEADY_S if self.moment == "steady" else SERVED_S)
        if self.moment in ("steady", "sigterm"):
            if self.moment == "sigterm":
                self._inject()
                time.sleep(1.0)
            self._sigterm()
            return
        if not at_boot:
            self._inject()
        if self.fault != "restarted":
            time.sleep(self.way.held_s + (2 * self.app.boot_s if at_boot else 0.0))
        self._heal()
        self._until_back()

    def _until_back(self) -> None:
        """Wait until health and request have been good five times in a row, at most `AFTER_S`."""
        end_s = time.monotonic() + AFTER_S + 2 * self.app.boot_s
        self.row = {"health": 0, "request": 0}
        while time.monotonic() < end_s and min(self.row.values()) < 5:
            time.sleep(0.1)

    def _inject(self) -> None:
        self.log.line(f"connections of the app: {rules.clients(self.server.port)}")
        if self.fault in ("stopped", "restarted"):
            self.server.stop()
        else:
            rules.inject(self.fault, self.server.port)
        self.log.line(f"FAULT {self.fault} is in force")

    def _heal(self) -> None:
        self.log.line(f"connections of the app: {rules.clients(self.server.port)}")
        if self.fault in ("stopped", "restarted"):
            self.server.start()
        else:
            self.log.line(f"the rules counted {rules.counted()} packets")
            rules.heal(self.fault, self.server.port)
        self.log.line("HEAL")

    def _sigterm(self) -> None:
        began_s = time.monotonic()
        self.log.line("SIGTERM to the app")
        self.over.set()
        process = self.process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOPS_S)
            self.log.line(f"app ended {time.monotonic() - began_s:.2f} s after SIGTERM: {code}")
        except subprocess.TimeoutExpired:
            self.log.line(f"app still runs {STOPS_S:g} s after SIGTERM")

    def _supervise(self) -> None:
        """Start the app, and start it again as its supervisor would, until the cell is over."""
        backoff_s = 0.1
        while not self.over.is_set():
            began_s = time.monotonic()
            self.process = subprocess.Popen(
                self.app.words(PORT),
                env={**os.environ, **self.app.variables(PORT)},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self.log.line("app started")
            self._read(self.process)
            code, ran_s = self.process.wait(), time.monotonic() - began_s
            if self.over.is_set():
                return
            self.log.line(f"app EXITS {code}, {ran_s:.2f} s after its start")
            if self.app.restart == "never":
                return
            backoff_s = 0.1 if ran_s >= 10 else backoff_s
            self.over.wait(backoff_s)
            backoff_s = min(backoff_s * 2, 5.0)

    def _read(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.log.line(line.decode(errors="replace").rstrip()[:300], who="app")

    def _health(self) -> None:
        while not self.over.is_set():
            if self._curl("health", self.app.health, [], self.way.health_s):
                self.good.set()
            self.over.wait(EVERY_S if self.good.is_set() else 0.1)

    def _requests(self) -> None:
        while not self.over.is_set():
            if self.good.is_set() or self.moment == "boot":
                sent = threading.Thread(target=self._request)
                sent.start()
                if self.way.one_by_one:
                    sent.join()
            self.over.wait(EVERY_S)

    def _request(self) -> None:
        self._curl("request", self.app.request, self.app.headers, self.way.request_s)

    def _lag(self) -> None:
        """Measure how late this program itself wakes: of a late one no figure is worth much."""
        late_s = 0.0
        while not self.over.is_set():
            began_s = time.monotonic()
            time.sleep(0.1)
            late_s = max(late_s, time.monotonic() - began_s - 0.1)
        self.log.line(f"this program woke late by at most {late_s:.2f} s")

    def _curl(self, name: str, path: str, headers: Sequence[str], waits_s: float) -> bool:
        """Ask once, and log how it was answered. Returns whether the answer was a 2xx."""
        command = ["curl", "-s", "-m", str(waits_s), "-w", "\n%{http_code} %{time_total}"]
        command += [word for header in headers for word in ("-H", header)]
        url = f"http://127.0.0.1:{PORT}{path}"
        began_s = time.monotonic()
        ran = subprocess.run([*command, url], capture_output=True, check=False)
        body, _, last = ran.stdout.decode(errors="replace").rpartition("\n")
        code, took = last.split()
        shown = {7: "no listener", 28: f"HANGS, no answer in {waits_s:g} s"}.get(
            ran.returncode, f"curl {ran.returncode}" if ran.returncode else f"{code}"
        )
        if not self.over.is_set():
            start = " ".join(body[:90].split())
            self.log.line(f"{shown}  {start}  [{float(took):.2f} s]", who=name, at_s=began_s)
        good = ran.returncode == 0 and code.startswith("2")
        self.row[name] = self.row[name] + 1 if good else 0
        return good

    def _end(self) -> None:
        """Kill the app and all processes that it started."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def _prepare(self, made: Path) -> None:
        """Make the server's data, and let the app's own command make its tables."""
        made.mkdir(parents=True)
        server = Server(self.app.server, made)
        server.start()
        for command in self.app.prepare:
            words = shlex.split(command)
            variables = {**os.environ, **self.app.variables(PORT)}
            subprocess.run(words, env=variables, check=True, stdout=sys.stderr)
        server.stop()


class Log:
    """The log of a cell. Each line has its time: seconds since the start of the app, since the
    fault (`F+`) or since the heal (`H+`).
    """

    def __init__(self) -> None:
        self._lines: list[Line] = []
        self._lock = threading.Lock()

    def line(self, what: str, *, who: str = "", at_s: float | None = None) -> None:
        """Add a line. `at_s` is when it began, if that is not now."""
        with self._lock:
            self._lines.append((time.monotonic() if at_s is None else at_s, who, what))

    def write(self, path: Path) -> None:
        """Write all lines in the order of their times. Equal answers in a row are one line, with
        their number and the time of the last one; so are lines that the app logs together.
        """
        with self._lock, path.open("w") as file:
            since, zero_s = "", self._lines[0][0]
            for block in _blocks(sorted(self._lines)):
                at_s, who, what = block[0]
                if what.startswith(MARKS):
                    since, zero_s = f"{what[0]}+", at_s
                last_s = block[-1][0] - zero_s
                many = f"  x{len(block)} until {last_s:.2f}" if len(block) > 1 else ""
                shown = block[-1][2] if who == "app" else max(block, key=_slow)[2]
                print(f"{since:2}{at_s - zero_s:6.2f} {who:8} {shown}{many}", file=file)


def _blocks(lines: list[Line]) -> list[list[Line]]:
    """The lines, with equal answers in a row together, and what the app logs within 0.3 s."""
    blocks: list[list[Line]] = []
    newest: dict[str, list[Line]] = {}
    for line in lines:
        at_s, who, what = line
        mine = newest.get(who)
        same = mine is not None and (
            at_s - mine[-1][0] < 0.3 if who == "app" else _answer(mine[-1][2]) == _answer(what)
        )
        if mine is not None and who and same:
            mine.append(line)
            continue
        if not who:
            newest.clear()
        newest[who] = [line]
        blocks.append(newest[who])
    return blocks


def _slow(line: Line) -> float:
    """The time of an answer, which is between brackets; of equal ones the longest is shown."""
    time_s = line[2].rpartition("[")[2].partition(" ")[0]
    return float(time_s) if time_s.replace(".", "").isdecimal() else 0.0


def _answer(what: str) -> str:
    """What of an answer is compared: not its time, which is between brackets."""
    return what.partition("[")[0]


if __name__ == "__main__":
    sys.exit(main())
