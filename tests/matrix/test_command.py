"""The options of `chaoslab run`, without a lab."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaoslab.cli import main

FILE = """\
version = 1
[services.postgres]
kind = "postgres"
[apps.web]
command = ["web"]
links = ["postgres"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "chaoslab.toml"
    path.write_text(FILE)
    return path


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["run", *map(str, words)])


def test_list_prints_each_cell_with_what_it_means_and_runs_nothing(file: Path) -> None:
    """The names are those of --only."""
    lines = run(file, "--list").output.splitlines()
    assert len(lines) == 12
    assert lines[0].startswith("steady ")
    assert lines[1].endswith(
        "postgres refused, at boot: connects are refused, open connections are reset"
    )


def test_list_has_only_what_was_chosen(file: Path) -> None:
    """And the steady state, which is always run."""
    listed = run(file, "--list", "--fault", "stopped").output.splitlines()
    names = [line.split()[0] for line in listed]
    assert names == ["steady", "postgres-stopped-running"]


def test_an_unknown_cell_is_the_users_mistake(file: Path) -> None:
    """Exit code 2, with the near name."""
    done = run(file, "--only", "postgres-refused-bot")
    assert done.exit_code == 2
    assert "did you mean 'postgres-refused-boot'" in done.output


def test_attach_is_refused(file: Path) -> None:
    """A cell starts and stops its app."""
    done = run(file, "--runtime", "attach")
    assert done.exit_code == 2
    assert "'attach' is not one of" in done.output


URL = "http://127.0.0.1:8080"
ATTACHED = f"""{FILE}
[attach]
toxiproxy = "http://192.0.2.1:8474"
apps.web.url = "{URL}"
links."web.postgres".proxy = "pg"
"""


def test_against_lists_what_is_not_possible_on_a_running_app(file: Path) -> None:
    """With the reason, and without asking anything."""
    file.write_text(ATTACHED)
    listed = run(file, "--against", URL, "--list", "--fault", "refused").output.splitlines()
    assert listed == [
        "steady                    no fault: nothing is injected",
        "postgres-refused-boot     postgres refused, at boot: not possible here: attach mode does"
        " not start the app",
        "postgres-refused-running  postgres refused, running: connects are refused, open"
        " connections are reset",
    ]


def test_against_asks_no_host_without_consent(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The refusal names the host and the links, and no folder is made."""
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("CHAOSLAB_CONSENT", "")
    file.write_text(ATTACHED)
    done = run(file, "--against", URL)
    assert done.exit_code == 1
    assert "no consent to use 192.0.2.1" in done.output
    assert "set CHAOSLAB_CONSENT=192.0.2.1=web.postgres" in done.output
    assert not Path("results").exists()


def test_against_needs_attach_and_the_address_of_its_app(file: Path) -> None:
    """The URL on the command line says which declared system is touched."""
    assert "has no [attach]" in run(file, "--against", URL).output
    file.write_text(ATTACHED)
    done = run(file, "--against", "http://127.0.0.1:9")
    assert done.exit_code == 2
    assert f"expected one of: {URL}" in done.output


@pytest.mark.parametrize("option", [("--runtime", "docker"), ("--workers", "2")])
def test_against_excludes_options_of_labs_that_start_parts(
    file: Path, option: tuple[str, str]
) -> None:
    """They are the user's mistake, not ignored."""
    file.write_text(ATTACHED)
    done = run(file, "--against", URL, *option)
    assert done.exit_code == 2
    assert f"remove {option[0]}" in done.output


def test_a_command_that_does_not_exist_is_a_mistake(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It exits with 2 and leaves no folder of a run."""
    monkeypatch.chdir(file.parent)
    file.write_text(FILE.replace('"web"]', '"no-such-program"]'))
    done = run(file)
    assert done.exit_code == 2, done.output
    assert "chaoslab.toml: apps.web.command[0]: cannot execute" in done.output
    assert not Path("results").exists()


@pytest.mark.parametrize("other", [("--list",), ("--accept",), ("--fault", "silent")])
def test_hold_runs_one_cell_and_nothing_else(file: Path, other: tuple[str, ...]) -> None:
    """Options that choose other cells, or accept them, are a mistake."""
    done = run(file, "--hold", "postgres-refused-boot", *other)
    assert done.exit_code == 2
    assert "--hold runs one cell" in done.output


def test_hold_needs_processes_and_a_cell(file: Path) -> None:
    """Containers are not reached from here; a wrong name has the near one."""
    done = run(file, "--hold", "steady", "--runtime", "docker")
    assert done.exit_code == 2
    assert "--hold needs --runtime local or netns or loopback" in done.output
    done = run(file, "--hold", "stedy")
    assert done.exit_code == 2
    assert "--hold: unknown cell 'stedy'" in done.output
