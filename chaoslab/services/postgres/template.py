"""The template of PostgreSQL's data, and a program within reach of the user who runs it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.once import fingerprint, once
from chaoslab.machine.places import reachable
from chaoslab.machine.process import Identity
from chaoslab.services.programs import ServerBinary
from chaoslab.services.template import Workshop
from chaoslab.services.template import template as made_once

# Tuned for a quick start. Durability against a power cut is given up, which no client can see;
# everything that a client meets when the server stops, dies or fills up is as it always is.
SETTINGS = """
unix_socket_directories = ''
max_connections = 100
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
max_wal_size = 1GB
min_wal_size = 2MB
shared_buffers = 32MB
huge_pages = off
jit = off
dynamic_shared_memory_type = mmap
log_timezone = 'UTC'
timezone = 'UTC'
log_line_prefix = '%m [%p] '
"""
_ROLE = "CREATE ROLE chaoslab LOGIN PASSWORD 'chaoslab';\n"
# Copied as files, the new database leaves no trail in the write-ahead log that each lab would copy.
_DATABASE = "CREATE DATABASE chaoslab OWNER chaoslab STRATEGY file_copy;\n"
_DATABASE_BEFORE_15 = "CREATE DATABASE chaoslab OWNER chaoslab;\n"


def within_reach(binary: ServerBinary, identity: Identity, cache: Path) -> Path:
    """The path of `postgres` as that user can run it: its own, or a copy in the cache.

    Raises RuntimeUnavailable if the cache is out of that user's reach as well.
    """
    if reachable(binary.path, identity) and reachable(binary.path.parent, identity):
        return binary.path
    if not reachable(cache, identity) or binary.path.parent.name != "bin":
        # Elsewhere than in a `bin` it could not be told what belongs to it.
        raise RuntimeUnavailable(
            f"postgres: user {identity.uid}, which runs it for root, cannot reach {binary.path} "
            f"or a copy of its installation in {cache}\n"
            "  set CHAOSLAB_CACHE_DIR to a folder that every user may enter (mode 0755, as all "
            "folders above it), or make the folders above the program accessible"
        )
    install = binary.path.parent.parent
    place = cache / f"postgres-{binary.number}-{fingerprint(binary.path)}"
    once(place, lambda part: _copy_install(install, part))
    return place / binary.path.relative_to(install.parent.parent)


def template(
    postgres: Path, number: str, identity: Identity, *, cache: Path, scratch: Path,
    env: Mapping[str, str],
) -> Path:  # fmt: skip
    """The template of a new cluster with role and database `chaoslab`. Blocks on the first use.

    `scratch` is a folder of the lab's where initdb may work. Raises ServiceFailed.
    """
    major = int(number.partition(".")[0])
    feed = _ROLE + (_DATABASE if major >= 15 else _DATABASE_BEFORE_15)
    workshop = Workshop(
        kind="postgres",
        named_by="CHAOSLAB_POSTGRES_BIN",
        identity=identity,
        env=env,
        home=scratch / "initdb",
    )
    return made_once(
        f"pgdata-{number}",
        postgres,
        lambda workshop: _make_cluster(postgres, workshop, feed),
        depends_on=(SETTINGS, feed),
        workshop=workshop,
        cache=cache,
    )


def _copy_install(install: Path, part: Path) -> None:
    package = install.parent
    for name in ("bin", "lib", "lib64", "share"):
        _copy_tree(install / name, part / package.name / install.name / name)
    # Wheels may keep their libraries beside the package, and find them from there.
    _copy_tree(package.with_name(f"{package.name}.libs"), part / f"{package.name}.libs")
    _open_to_all(part)


def _copy_tree(source: Path, goal: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("*.a", "__pycache__")
        shutil.copytree(source, goal, symlinks=True, ignore=ignored)


def _open_to_all(part: Path) -> None:
    # The umask of the run must not shut the server's user out.
    for folder, _, files in os.walk(part):
        os.chmod(folder, 0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _make_cluster(postgres: Path, workshop: Workshop, feed: str) -> None:
    data = str(workshop.data)
    arguments = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    # One-megabyte segments of the write-ahead log, since each lab copies a few of them.
    arguments += ["--no-sync", "--wal-segsize=1"]
    workshop.run([str(postgres.with_name("initdb")), *arguments])
    with open(workshop.data / "postgresql.conf", "a") as file:
        file.write(SETTINGS)
    workshop.run([str(postgres), "--single", "-D", data, "postgres"], feed)
