"""A run with a full disk, or with files that another program changes: UNKNOWN, with the reason."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from chaoslab import expectations as expect
from chaoslab.cli import main
from chaoslab.history.events import AnyEvent, HealthSample, RunEnded, Spawned
from chaoslab.history.run_folder import RunFolder
from chaoslab.lab.carry_out import Setting, carry_out
from chaoslab.model.plan import Plan
from chaoslab.model.topology import App, Topology
from chaoslab.model.verdict import Verdict
from chaoslab.report.runs import save_verdicts

pytestmark = pytest.mark.slow  # whole labs
SERVES = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(b'{{"status": "healthy"}}')
http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
TOPOLOGY = Topology(
    name="alone",
    services={},
    apps={"web": App(name="web", command=("{python}", "-c", SERVES), env={"PORT": "{port}"})},
)
PLAN = Plan(name="alone", expect=(expect.Starts(rests_on=()),), limit_s=10.0)


async def judged(folder: RunFolder, listener: Callable[[AnyEvent], None]) -> tuple[Verdict, ...]:
    verdicts = await carry_out(TOPOLOGY, PLAN, Setting(seed=1, listeners=(listener,)), folder)
    save_verdicts(folder, verdicts)
    return verdicts


@pytest.fixture
def unlimited() -> Iterator[None]:
    """The limit of a file's size as it was."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_an_undisturbed_run_has_no_doubt(tmp_path: Path) -> None:
    """The same run passes, and passes again when it is analysed."""
    folder = RunFolder(tmp_path / "run")
    (verdict,) = await judged(folder, lambda _: None)
    assert verdict.outcome == "PASS", verdict
    result = CliRunner().invoke(main, ["analyze", str(folder.path)])
    assert (result.exit_code, result.output[:4]) == (0, "PASS")


@pytest.mark.usefixtures("unlimited")
async def test_a_disk_that_fills_ends_the_run_as_unknown(tmp_path: Path) -> None:
    """The run ends at once with the cause, and keeps its files; analyze gives the same verdicts."""
    folder = RunFolder(tmp_path / "run")
    seen: list[AnyEvent] = []

    def fill(event: AnyEvent) -> None:
        seen.append(event)
        if isinstance(event, HealthSample):
            size = folder.history_path.stat().st_size
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        if isinstance(event, RunEnded):
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)

    (verdict,) = await judged(folder, fill)
    assert verdict.outcome == "UNKNOWN"
    assert "the history was kept only in part" in verdict.texts[0]
    assert "File too large" in verdict.texts[0]
    assert folder.history().first(Spawned) is not None
    assert folder.history().first(RunEnded) is None
    assert seen[-1].at_s < 8.0
    result = CliRunner().invoke(main, ["analyze", str(folder.path)])
    assert (result.exit_code, result.output[:7]) == (1, "UNKNOWN")


async def test_a_run_that_somebody_else_writes_to_is_unknown(tmp_path: Path) -> None:
    """The app, as the same user, can find the folder; what it writes there is found out."""
    folder = RunFolder(tmp_path / "run")

    def forge(event: AnyEvent) -> None:
        if isinstance(event, RunEnded):
            plan = folder.path / "plan.json"
            plan.write_bytes(plan.read_bytes().replace(b'"within_s": 30.0', b'"within_s": 90.0'))

    (verdict,) = await judged(folder, forge)
    assert verdict.outcome == "UNKNOWN"
    assert verdict.texts[0] == "not as the lab wrote it, by its checksum: plan.json"
    result = CliRunner().invoke(main, ["analyze", str(folder.path)])
    assert result.exit_code == 1
    assert "not as the lab wrote it, by its checksum: plan.json" in result.output
