"""Folders with what is no file, odd names, files that exist already, and odd surroundings."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

from odd.folder import Odd

WORDS = ("--no-start", "--service", "db=postgres", "--", "serve")
FORCE = ("--force", *WORDS)
EXISTS = "init.file_exists"
TOML = "chaoslab.toml"
OUT = "../outside"


def _all(*makes: Callable[[Path], object]) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        for each in makes:
            each(folder)

    return make


def _pipes(*names: str) -> Callable[[Path], None]:
    return _all(*(lambda folder, name=name: os.mkfifo(folder / name) for name in names))


def _folders(*names: str) -> Callable[[Path], None]:
    return _all(*(lambda folder, name=name: (folder / name).mkdir() for name in names))


def _link(name: str, target: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).symlink_to(target)


def _socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(folder, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{here}/.env")
        os.close(here)


def _many(folder: Path) -> None:
    for number in range(5_000):
        (folder / f"a{number}").touch()


def _bytes(folder: Path) -> None:
    for name in (b"\xff\xfe", b".env.example\xff", b"compose-\xff.yml", b"a\nb"):
        (Path(os.fsdecode(os.fsencode(folder) + b"/" + name))).touch()


READERS = (
    *(".env", "Dockerfile", "Procfile", "package.json", "pyproject.toml", "go.mod"),
    *("compose.yaml", "manage.py", "main.py", "alembic.ini"),
)

FOLDERS: dict[str, Odd] = {
    "pipes in place of files": Odd(
        make=_pipes(*READERS), words=WORDS, says=("not a regular file",)
    ),
    "folders in place of files": Odd(make=_folders(*READERS), words=WORDS, says=("not read",)),
    "a socket in place of .env": Odd(make=_socket, words=WORDS, says=(".env",)),
    "devices": Odd(
        make=_all(_link(".env", "/dev/zero"), _link("Procfile", "/dev/tty"),
                  _link("Dockerfile", "/dev/full"), _link("go.mod", "/dev/stdin")),
        words=WORDS,
    ),
    "links in a circle": Odd(
        make=_all(_link(".env", ".env"), _link("Procfile", "go.mod"), _link("go.mod", "Procfile")),
        words=WORDS, says=("not read",),
    ),
    "broken links": Odd(make=_all(*(_link(n, "/no/where") for n in READERS)), words=WORDS),
    "a link to itself as a folder": Odd(
        make=_all(_link("a", "."), _link("cmd", ".")), files={"go.mod": ""}, says=("go",)
    ),
    "a link out of the folder": Odd(
        make=_all(lambda f: (f / OUT).write_text("REDIS_URL=redis://r\n"), _link(".env", OUT)),
        words=WORDS, says=("{redis.url}",),
    ),
    "/proc files": Odd(
        make=_all(_link(".env", "/proc/self/environ"), _link("Procfile", "/proc/kmsg"),
                  _link("go.mod", "/proc/self/mem")),
        words=WORDS,
    ),
    "files without permission": Odd(
        files={".env": "A=1", "Procfile": "web: x"},
        make=_all(lambda f: (f / ".env").chmod(0), lambda f: (f / "Procfile").chmod(0)),
        words=WORDS,
    ),
    "5,000 files": Odd(make=_many, files={"zz": "", ".env": "REDIS_URL=redis://r"}, words=WORDS,
                       says=("{redis.url}",)),
    "files whose names are no text": Odd(make=_bytes, words=WORDS),
    "a name with spaces": Odd(name="my shop (new)", words=WORDS, says=("[apps.my-shop-new]",)),
    "a name with line breaks": Odd(name="a\n[apps.x]\nb", words=WORDS),
    "a name with control characters": Odd(name="\x1b[31m\x07\u202e", words=WORDS),
    "a name that is no text": Odd(name="\udcff\udcfe", words=WORDS, says=("[apps.app]",)),
    "a name like an option": Odd(name="--force", words=WORDS, says=("[apps.force]",)),
    "a name like a placeholder": Odd(name="{port}", words=WORDS, says=("[apps.port]",)),
    "a name like a service": Odd(name="db", words=WORDS, says=("[apps.app]",)),
    "a name of quotes": Odd(name="'\"\"\"\\", words=WORDS),
    "a name of 255 characters": Odd(name="x" * 255, words=WORDS),
    "a name of digits": Odd(name="2048", words=WORDS, says=("[apps.app]",)),
    "a name in Greek": Odd(name="\u03ba\u03b1\u03c4", words=WORDS, says=("[apps.app]",)),
    "chaoslab.toml exists": Odd(files={TOML: "x"}, words=WORDS, code=2, says=(EXISTS,),
                                intact={TOML: b"x"}),
    "chaoslab.toml is empty": Odd(files={TOML: ""}, words=WORDS, code=2, says=(EXISTS,),
                                  intact={TOML: b""}),
    "chaoslab.toml is broken, and replaced": Odd(files={TOML: "[["}, words=FORCE, says=("wrote",)),
    "chaoslab.toml is a folder": Odd(make=_folders(TOML), words=WORDS, code=2, says=(EXISTS,)),
    "chaoslab.toml is a folder, with --force": Odd(
        make=_folders(TOML), words=FORCE, code=2, says=(EXISTS, "remove it")
    ),
    "chaoslab.toml is a pipe": Odd(make=_pipes(TOML), words=WORDS, code=2, says=(EXISTS,)),
    "chaoslab.toml is a pipe, with --force": Odd(make=_pipes(TOML), words=FORCE, says=("wrote",)),
    "chaoslab.toml leads out": Odd(
        make=_all(lambda f: (f / OUT).write_text("mine"), _link(TOML, OUT)),
        words=WORDS, code=2, says=(EXISTS,), intact={OUT: b"mine"},
    ),
    "chaoslab.toml leads out, with --force": Odd(
        make=_all(lambda f: (f / OUT).write_text("mine"), _link(TOML, OUT)),
        words=FORCE, says=("wrote",), intact={OUT: b"mine"},
    ),
    "chaoslab.toml leads to nothing": Odd(
        make=_link(TOML, OUT), words=WORDS, code=2, says=(EXISTS,), intact={OUT: None}
    ),
    "chaoslab.toml leads to itself": Odd(
        make=_link(TOML, TOML), words=FORCE, says=("wrote",)
    ),
    "scenarios is a file": Odd(files={"scenarios": "x"}, words=WORDS, says=("is no folder",),
                               intact={"scenarios": b"x"}),
    "scenarios leads to nothing": Odd(make=_link("scenarios", OUT), words=WORDS,
                                      says=("is no folder",), intact={OUT: None}),
    "the scenario is a folder": Odd(
        make=lambda f: (f / "scenarios/test_outage.py").mkdir(parents=True), words=WORDS,
        says=("was kept",),
    ),
    "the scenario leads out": Odd(
        make=_all(_folders("scenarios"), _link("scenarios/test_outage.py", "../" + OUT)),
        words=WORDS, says=("was kept",), intact={OUT: None},
    ),
    "a folder that cannot be written": Odd(
        words=WORDS, code=2, says=("file.unwritable",),
        shell="exec unshare -rm sh -c 'mount -o bind,ro . . && cd \"$PWD\" && exec {init}'",
    ),
    "a folder that was removed": Odd(
        words=WORDS, code=2, says=("file.unwritable",),
        shell="mkdir x && cd x && rmdir ../x && exec {init}",
    ),
    "no PATH": Odd(words=WORDS, env={"PATH": None}),
    "an empty PATH": Odd(words=WORDS, env={"PATH": ""}),
    "no HOME": Odd(words=WORDS, env={"HOME": None}),
    "only ASCII": Odd(
        files={".env": "REDIS_URL=redis://r # \u00e9\n", "Procfile": "web: caf\u00e9 \u2603"},
        env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}, says=("{redis.url}",),
    ),
    "no folder for temporary files": Odd(words=WORDS, env={"TMPDIR": "/no/where"}),
    "a variable that is no text": Odd(words=WORDS, env={"X_URL": "redis://\udcff/\udcfe"}),
    "2,000 variables": Odd(
        words=WORDS, env={f"A{i}_URL": f"redis://h{i}" for i in range(2_000)}, says=("{redis",)
    ),
    "other tools' variables": Odd(
        words=WORDS, env={"HTTP_PROXY": "http://p:1", "DOCKER_HOST": "tcp://d:2375"},
        never=("2375",),
    ),
    "no standard input": Odd(words=WORDS, shell="exec {init} <&-"),
    "no standard output": Odd(words=WORDS, shell="exec {init} >&-"),
    "a full standard output": Odd(words=WORDS, shell="exec {init} >/dev/full", code=(0, 1, 2)),
    "a reader that stops": Odd(words=WORDS, shell="{init} | head -c 1"),
    "few open files": Odd(words=WORDS, shell="ulimit -n 24; exec {init}"),
    "files of no length": Odd(
        words=WORDS, shell="{ (ulimit -f 0; {init} 2>&1); echo ended with $?; } | cat",
        says=("TMPDIR", "ended with 2"),
    ),
}  # fmt: skip
