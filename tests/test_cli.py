"""The command translates: exit 2 with every problem for the user's mistake, never a traceback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaoslab import services
from chaoslab.cli import main
from chaoslab.expectations import Starts
from chaoslab.history.events import RunEnded, Spawned, StartupComplete, StartupSnapshot
from chaoslab.history.journal import Journal
from chaoslab.history.run_folder import RunFolder, RunInfo
from chaoslab.model.health import HealthState
from chaoslab.model.loader import load_topology
from chaoslab.model.plan import Plan

REPOSITORY = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments])


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    """pandas alone costs more than a second: `--help` must not pay it."""
    code = (
        "import sys\nfrom chaoslab.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        "heavy = {'pandas', 'numpy', 'pydantic', 'rich', 'httpx', 'psycopg'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    for command in ("check", "proxy", "report", "analyze"):
        assert f"  {command} " in done.stdout


def test_proxy_serves_toxiproxys_api_until_sigterm() -> None:
    """It prints one line with its address, and exits with 0 after SIGTERM."""
    command = [sys.executable, "-m", "chaoslab.cli", "proxy", "--port", "0", "--seed", "7"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = json.loads(process.stdout.readline())
            url = f"http://{ready['listening']}/proxies"
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert json.load(answer) == {}
        finally:
            process.terminate()
        assert process.wait(timeout=10) == 0


def test_a_taken_port_is_named() -> None:
    """Another server on the port is no reason for a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            [sys.executable, "-m", "chaoslab.cli", "proxy", "--port", port],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_prints_what_it_understood_of_the_reference_system() -> None:
    """The output is compared to tests/golden/check_reference.txt, place by place."""
    result = run("check", str(REPOSITORY / "chaoslab.toml"))
    assert result.exit_code == 0, result.output
    shown = result.output.replace(str(REPOSITORY), "<here>")
    lines = [line.rstrip() for line in shown.splitlines()]
    assert lines == (GOLDEN / "check_reference.txt").read_text(encoding="utf-8").splitlines()


def test_check_shows_a_declared_pool(tmp_path: Path) -> None:
    """By server; where none is declared the line is left out, as in the reference system."""
    file = tmp_path / "chaoslab.toml"
    file.write_text(
        'version = 1\n[services.postgres]\nkind = "postgres"\n'
        '[apps.backend]\ncommand = ["true"]\nlinks = ["postgres"]\n'
        "[apps.backend.limits]\npool = { postgres = 8 }\n",
        encoding="utf-8",
    )
    (line,) = (each for each in run("check", str(file)).output.splitlines() if "pool" in each)
    assert line.split()[-3:] == ["pool", "postgres", "8"]


def test_check_reports_all_mistakes_and_exits_with_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Problems go to stderr, in the file's order, without a traceback."""
    monkeypatch.chdir(tmp_path)
    Path("chaoslab.toml").write_text(
        '[services.postgres]\nkind = "postgres"\n'
        '[apps.backend]\ncommand = ["true"]\nlinks = ["postgres"]\n'
        '[connectors.vpc]\nlinks = ["backend.postgres", "postgress"]\nfoo = 1\n',
        encoding="utf-8",
    )
    result = run("check")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr == (
        "chaoslab.toml: connectors.vpc.links[1]: unknown service 'postgress'\n"
        "  expected one of: postgres; did you mean 'postgres'?\n"
        "chaoslab.toml: connectors.vpc.foo: unknown key 'foo'\n"
        "  expected one of: links\n"
        "codes: name.unknown, topology.unknown_key\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("check",), "no chaoslab.toml and no [tool.chaoslab] here"),
        (("check", "absent.toml"), "absent.toml: no such file"),
        (("report",), "results: contains no run"),
        (("report", "nothing"), "unknown run 'nothing'"),
        (("analyze", "nothing"), "unknown run 'nothing'"),
        (("analyze",), "Missing argument 'RUN'"),
        (("proxy", "--port", "70000"), "70000 is not in the range"),
        (("chekc",), "No such command 'chekc'"),
    ],
)
def test_the_users_mistakes_exit_with_2_and_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    """Whatever is misspelt or missing is named."""
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.output


@pytest.fixture
def saved_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that was killed before its first boot: saved before, and an empty history."""
    monkeypatch.chdir(tmp_path)
    folder = RunFolder(tmp_path / "results" / "one" / "severed")
    info = RunInfo(
        scenario="severed",
        seed=7,
        runtime="local",
        proxy="embedded",
        started_at="2026-01-01T00:00:00+00:00",
        chaoslab="0.1.0",
        python="3.11.7",
        machine="test",
    )
    folder.save_before(
        load_topology(REPOSITORY / "chaoslab.toml", kinds=services.kinds()),
        Plan(name="severed"),
        info,
    )
    folder.history_path.touch()
    return folder.path.parent


def test_report_takes_the_newest_run_and_saves_its_rows(saved_run: Path) -> None:
    """Without an argument the newest run below results/ is meant."""
    result = run("report")
    assert result.exit_code == 0, result.output
    assert "Start-up latency per scenario" in result.output
    assert "saved results/one/boots.csv" in result.output
    header = (saved_run / "boots.csv").read_text(encoding="utf-8").splitlines()[0]
    assert header.startswith("scenario,seed,runtime,proxy,bind_s,first_answer_s,")


def test_a_damaged_run_is_an_error_without_a_traceback(saved_run: Path) -> None:
    """A plan that chaoslab did not write, and a history with a broken line in the middle."""
    (saved_run / "severed" / "run.json").write_text("{}", encoding="utf-8")
    result = run("report")
    assert (result.exit_code, "Traceback" in result.output) == (2, False)
    assert "run.json: not written by this chaoslab" in result.stderr


def test_analyze_judges_a_run_again_by_what_it_saved(saved_run: Path) -> None:
    """A plan that expected nothing proved nothing: UNKNOWN, and exit 1."""
    result = run("analyze", "one")
    assert result.exit_code == 1
    assert result.output.startswith("UNKNOWN severed")
    assert json.loads((saved_run / "severed" / "verdicts.json").read_text(encoding="utf-8")) == []


def test_analyze_passes_only_what_the_history_bears_out(saved_run: Path) -> None:
    """The same history is judged by its plan's bounds: in time, then too late by the same code."""
    folder = RunFolder(saved_run / "severed")
    journal = Journal(folder.history_path)
    journal.append(
        Spawned(at_s=1.0, app="backend", boot=1, pid=1, port=7000, argv=("app",), env={})
    )
    topology, info = folder.topology(), folder.info()
    published = StartupSnapshot(
        at_s=2.5,
        app="backend",
        boot=1,
        complete=True,
        failed=False,
        mode="normal",
        completed_phases=topology.apps["backend"].health.phases,
        degraded_phases=(),
        failed_phases=(),
        phase_timings_s={},
    )
    journal.append(published)
    journal.append(StartupComplete(at_s=2.5, app="backend", boot=1, state=HealthState.HEALTHY))
    journal.append(RunEnded(at_s=3.0, settled=True, why="every expectation can be judged"))
    journal.close()
    for within_s, exit_code, outcome in ((1.6, 0, "PASS"), (1.4, 1, "FAIL")):
        expected = Starts(app="backend", within_s=within_s, rests_on=())
        folder.save_before(topology, Plan(name="severed", expect=(expected,)), info)
        result = run("analyze", "one")
        assert result.exit_code == exit_code, result.output
        assert result.output.startswith(f"{outcome:<8}severed")
        assert outcome in run("report").output


def test_check_prints_the_period_of_health_requests(tmp_path: Path) -> None:
    """Only if its topology declares them."""
    path = tmp_path / "chaoslab.toml"
    text = 'version = 1\n[apps.app]\ncommand = ["true"]\n[apps.app.health]\nperiod_s = 2.5\n'
    path.write_text(text, encoding="utf-8")
    result = run("check", str(path))
    assert (result.exit_code, "no more often than each 2.5 s" in result.output) == (0, True)
