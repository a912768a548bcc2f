"""Several apps in one Compose file: which of them is meant is asked, and never guessed silently."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from chaoslab.cli import main
from chaoslab.discover.apps import rivals
from chaoslab.discover.folder import look_at

from .folders import COMPOSE, folder_of

SHOP = """
services:
  web: {build: ./web, command: serve, ports: ["8000"], environment: {DB: "postgres://db/a"}}
  api: {build: ./api, command: answer, ports: ["8001"], depends_on: [db]}
  worker: {build: ./api, command: work, depends_on: [db]}
  docs: {build: ./docs, ports: ["8002"], environment: {TITLE: a databank}}
  db: {image: "postgres:16"}
"""


@pytest.mark.parametrize(
    ("compose", "names"),
    [
        (SHOP, ("api",)),
        (COMPOSE, ()),
        ("services: {a: {build: a}, b: {build: b}}", ("b",)),
        ("services: {a: {image: 'me/a', ports: ['1']}, b: {image: 'me/b', ports: ['2']}}", ("b",)),
        ("services: {db: {image: 'postgres:16'}}", ()),
    ],
)
def test_a_rival_is_as_likely_the_app(tmp_path: Path, compose: str, names: tuple[str, ...]) -> None:
    """Built, with a port, and with a server of the file, as the chosen one is."""
    seen = look_at(folder_of(tmp_path, {"compose.yaml": compose}))
    assert rivals(seen.app, seen.stack) == names


def init(folder: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> Result:
    monkeypatch.chdir(folder_of(folder, {"compose.yaml": SHOP}))
    return CliRunner().invoke(main, ["init", "--no-start", *words])


def test_without_a_terminal_the_app_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mistake lists the apps, and nothing is written."""
    done = init(tmp_path, monkeypatch)
    assert done.exit_code == 2
    assert "Compose has several apps: web, api" in done.output
    assert "chaoslab init --app web" in done.output
    assert not (tmp_path / "chaoslab.toml").exists()
    done = init(tmp_path, monkeypatch, "--app", "api")
    assert done.exit_code == 0, done.output
    assert 'command = ["answer"]' in (tmp_path / "chaoslab.toml").read_text()


def test_a_given_command_needs_no_name_and_says_whose_variables_it_gets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command may be that of none of them."""
    done = init(tmp_path, monkeypatch, "--", "mine")
    assert done.exit_code == 0, done.output
    note = "Compose has several apps: the variables are those of web; --app takes those of api"
    assert note in done.output
    assert note in " ".join((tmp_path / "chaoslab.toml").read_text().replace("\n#", "").split())


def test_on_a_terminal_the_app_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no default: Enter chooses none."""
    monkeypatch.setattr("chaoslab.discover.command._on_terminal", lambda: True)
    monkeypatch.chdir(folder_of(tmp_path, {"compose.yaml": SHOP}))
    done = CliRunner().invoke(main, ["init", "--no-start"], input="\napi\ny\n")
    assert done.exit_code == 0, done.output
    assert 'command = ["answer"]' in (tmp_path / "chaoslab.toml").read_text()
