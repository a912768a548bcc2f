"""No folder makes `init` raise, wait for ever, or read what is too large."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from chaoslab.discover.files import MOST_BYTES
from chaoslab.discover.folder import look_at
from chaoslab.discover.proposal import Asked, propose
from chaoslab.discover.toml import scenario_text, topology_text

from .folders import folder_of

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
HOSTILE: dict[str, dict[str, str | bytes]] = {
    "a binary .env": {".env": bytes(range(256)) * 10},
    "a .env of another encoding": {".env": "DATABASE_URL=postgresql://ü".encode("utf-16")},
    "a .env with NUL": {".env": "A=\0\nDATABASE_URL=postgresql://h/\0d\n"},
    "a large .env": {".env": b"A=1\n" * (10 << 18)},
    "a line without end": {".env": "A=" + "x" * 900_000},
    "a YAML bomb": {"compose.yaml": BOMB},
    "a YAML loop": {"compose.yaml": "services: &a {x: *a}"},
    "deep YAML": {"compose.yaml": "[" * 20_000},
    "deep JSON": {"package.json": "[" * 100_000},
    "tags of YAML": {"compose.yaml": "services: !!python/object/apply:os.system ['false']"},
    "a list as Compose": {"compose.yaml": "- a\n- b"},
    "a text as Compose": {"compose.yaml": "services: nothing"},
    "services without keys": {"compose.yaml": "services: {a: , b: 1, c: [x], d: {image: 3}}"},
    "odd ports": {"compose.yaml": "services: {a: {build: ., ports: ['x', '0', 99999, [1]]}}"},
    "an unclosed quote": {"compose.yaml": 'services: {a: {build: ., command: "a \'b"}}'},
    "odd env_file": {"compose.yaml": "services: {a: {build: ., env_file: [../../etc/passwd]}}"},
    "odd build": {"compose.yaml": "services: {a: {build: ../../..}}"},
    "broken JSON": {"package.json": "{"},
    "JSON of another shape": {"package.json": '{"scripts": ["start"]}'},
    "a start that is no text": {"package.json": '{"scripts": {"start": 1}}'},
    "broken TOML": {"pyproject.toml": "["},
    "TOML of another shape": {"pyproject.toml": "project = 1"},
    "scripts of another shape": {"pyproject.toml": "project.scripts = [1]"},
    "a Dockerfile without end": {
        "Dockerfile": "FROM x\nCMD [\nENTRYPOINT [1, 2]\nEXPOSE x\nENV \\"
    },
    "a Procfile of noise": {"Procfile": "::::\nweb:\nweb: '\n"},
    "halves of surrogate pairs": {"package.json": '{"scripts": {"start": "node \\ud800 \\u0000"}}'},
    "odd names of variables": {
        "compose.yaml": "services: {a: {build: ., environment: {'': x, 'a=b': x, 'ü': x}}}"
    },
    "braces": {".env": "DATABASE_URL=postgresql://{a}:b@h/{d}\nX={\n", "Procfile": "web: a {b} }"},
    "a port that is none": {".env": "DATABASE_URL=postgresql://u:p@h:99999999/d\n"},
    "surrogates": {"Procfile": "web: a \\ud800", ".env": "PGHOST=\\udcff"},
    "many servers": {".env": "\n".join(f"U{i}_URL=postgresql://h{i}/d" for i in range(1500))},
    "a word without end": {"Procfile": "web: " + "x" * 900_000},
    "blanks without end": {
        "Dockerfile": "CMD a" + " " * 900_000 + "b",
        ".env": ("A=b" + " " * 7_000 + "c\n") * 140,
    },
    "lines that begin alike": {"main.py": "a: b\n" * 200_000},
    "control characters": {"Procfile": "web: a\x1b[31m b\x07", ".env": "X=\x1b]0;t\x07"},
}


@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE)
def test_any_content(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    """Whatever the files hold, there is a proposal, and its file can be written."""
    proposal = propose(look_at(folder_of(tmp_path, files)), Asked())
    text = topology_text(proposal, None)
    text.encode()
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    compile(scenario_text(proposal), "scenario", "exec")


def test_what_is_no_file(tmp_path: Path) -> None:
    """A pipe, a folder, a device and a loop of links in place of a file are left out and noted."""
    os.mkfifo(tmp_path / "Procfile")
    (tmp_path / "Dockerfile").mkdir()
    (tmp_path / ".env").symlink_to(".env")
    (tmp_path / "package.json").symlink_to("/dev/zero")
    found = look_at(tmp_path)
    assert {note.partition(":")[0] for note in found.notes} == {
        "Procfile",
        "Dockerfile",
        ".env",
        "package.json",
    }


def test_a_file_is_read_up_to_a_limit(tmp_path: Path) -> None:
    """A file above the limit is not read, and a note says so; one at the limit is read."""
    line = b"PGHOST=h\n"
    (tmp_path / ".env").write_bytes(line + b"#" * (MOST_BYTES - len(line)))
    assert "PGHOST" in look_at(tmp_path).variables
    (tmp_path / ".env").write_bytes(line + b"#" * MOST_BYTES)
    found = look_at(tmp_path)
    assert found.notes == (".env: larger than 1 MiB, not read",)
    assert not found.variables


@pytest.mark.parametrize("mode", [0o000, 0o333])
def test_a_folder_that_cannot_be_listed(tmp_path: Path, mode: int) -> None:
    """A folder without permission, or one that is missing, gives an empty proposal."""
    place = folder_of(tmp_path / "here", {".env": "A=1"})
    place.chmod(mode)
    try:
        look_at(place)
    finally:
        place.chmod(0o755)
    assert look_at(tmp_path / "missing").commands == ()
