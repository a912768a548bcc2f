"""`chaoslab check` on commands that this machine cannot execute."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from rigs.problems import place_of

from chaoslab import services
from chaoslab.cli import main
from chaoslab.model.loader import read_topology
from chaoslab.preflight.commands import command_problems

TOP = "version = 1\n"
IMAGE = '[apps.shop.container]\nimage = "shop:1"\n'
GATE = """
[gate]
runtime = "docker"
[[gate.stages]]
name = "all"
marker = "shop"
deadline_s = 9
pass_rate = 1.0
"""
ATTACH = """
[services.postgres]
kind = "postgres"
[attach]
toxiproxy = "http://127.0.0.1:8474"
[attach.apps.shop]
url = "http://127.0.0.1:8080"
[attach.links."shop.postgres"]
proxy = "pg"
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")


def app(command: str, more: str = "") -> str:
    """The table of an app whose command is that one word."""
    return f'[apps.shop]\ncommand = ["{command}"]\n{more}\n'


def found(folder: Path, text: str) -> list[tuple[str, str, bool]]:
    """Place, code and certainty of each problem with the commands of a topology."""
    path = folder / "chaoslab.toml"
    path.write_text(TOP + text, encoding="utf-8")
    problems = command_problems(read_topology(path, kinds=services.kinds()))
    return [(place_of(each.problem), each.problem.code, each.certain) for each in problems]


def script(file: Path) -> None:
    """A program at that path."""
    file.parent.mkdir(exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)


def test_the_program_of_a_further_process_is_looked_at_too(tmp_path: Path) -> None:
    """The place names the process."""
    more = '[apps.shop.processes]\nworker = ["no-such-worker"]'
    missing = [("apps.shop.processes.worker[0]", "program.not_executed", True)]
    assert found(tmp_path, app("sh", more)) == missing


def test_a_program_that_is_not_on_path_is_a_mistake(tmp_path: Path) -> None:
    """Others are found: one on PATH, the lab's Python, one that only a lab can name."""
    missing = [("apps.shop.command[0]", "program.not_executed", True)]
    assert found(tmp_path, app("no-such-program")) == missing
    for command in ("sh", "{python}", "run-{port}"):
        assert found(tmp_path, app(command)) == []


def test_path_of_the_app_itself_is_searched(tmp_path: Path) -> None:
    """An app may bring its own PATH, which replaces that of the machine."""
    script(tmp_path / "tools" / "serve")
    assert found(tmp_path, app("serve"))
    own = f'env = {{ PATH = "{tmp_path / "tools"}" }}'
    assert found(tmp_path, app("serve", own)) == []
    assert found(tmp_path, app("sh", own))


def test_a_relative_path_starts_at_cwd(tmp_path: Path) -> None:
    """With cwd only there; without it beside the file too, as a later run may start there."""
    script(tmp_path / "bin" / "serve")
    (tmp_path / "service").mkdir()
    assert found(tmp_path, app("bin/serve")) == []
    assert found(tmp_path, app("bin/serve", 'cwd = "."')) == []
    assert [each[0] for each in found(tmp_path, app("bin/serve", 'cwd = "service"'))] == [
        "apps.shop.command[0]"
    ]


def test_a_missing_cwd_is_one_mistake(tmp_path: Path) -> None:
    """The command, which would run there, is not reported too."""
    assert found(tmp_path, app("./serve", 'cwd = "service"')) == [
        ("apps.shop.cwd", "app.no_folder", True)
    ]


@pytest.mark.parametrize(
    "elsewhere",
    [IMAGE, 'links = ["postgres"]\n' + ATTACH, GATE],
    ids=["container", "attach", "gate"],
)
def test_a_command_that_may_run_elsewhere_is_not_a_mistake(tmp_path: Path, elsewhere: str) -> None:
    """The image has it, or what runs already: the lab cannot know here."""
    assert [each[2] for each in found(tmp_path, app("no-such", elsewhere))] == [False]


@pytest.mark.parametrize(("image", "certain"), [("", True), ('image = "q:1"\nport = 1\n', False)])
@pytest.mark.parametrize("kind", ["tcp", "http"])
def test_the_command_of_a_service_is_looked_for_too(
    tmp_path: Path, kind: str, image: str, certain: bool
) -> None:
    """A service with an image can also run in a container."""
    text = f'[services.queue]\nkind = "{kind}"\ncommand = ["no-such", "{{port}}"]\n{image}'
    assert found(tmp_path, text + app("sh")) == [
        ("services.queue.command[0]", "program.not_executed", certain)
    ]


def test_the_commands_of_prepare_are_looked_for_too(tmp_path: Path) -> None:
    """Each by its place."""
    assert found(tmp_path, app("sh", 'prepare = [["sh"], ["no-such", "up"]]')) == [
        ("apps.shop.prepare[1][0]", "program.not_executed", True)
    ]


def test_check_prints_a_mistake_and_exits_with_2(tmp_path: Path) -> None:
    """A warning is printed with the topology, and is no failure."""
    path = tmp_path / "chaoslab.toml"
    path.write_text(TOP + app("no-such-program"), encoding="utf-8")
    result = CliRunner().invoke(main, ["check", str(path)])
    assert (result.exit_code, "cannot execute 'no-such-program'" in result.output) == (2, True)
    path.write_text(TOP + app("no-such-program", IMAGE), encoding="utf-8")
    result = CliRunner().invoke(main, ["check", str(path)])
    assert (result.exit_code, "faults may target" in result.output) == (0, True)
    assert "warning: " in result.output
    assert "cannot execute 'no-such-program'" in result.output
