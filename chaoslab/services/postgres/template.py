"""Makes the template of PostgreSQL's data, and finds a program that the server's user can run."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable, ServiceFailed
from chaoslab.machine.once import fingerprint, once
from chaoslab.machine.places import reachable
from chaoslab.machine.process import Identity
from chaoslab.services.postgres.extensions import check_extensions, not_created
from chaoslab.services.postgres.keys import (
    SUPERUSER,
    PostgresKeys,
    create_extension,
    identifier,
)
from chaoslab.services.programs import ServerBinary
from chaoslab.services.template import TemplateBuild
from chaoslab.services.template import template as made_once

# For a quick start. Only durability against a power cut is given up: a client observes the same as
# always when the server stops, is killed, or has no connections left.
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
# As a copy of files, the new database is not in the write-ahead log, which each lab copies.
_AS_FILES = " STRATEGY file_copy"
# Who may log in if the server checks passwords: the lab's superuser always.
_CHECKED = f"""\
host all {SUPERUSER} 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
"""
# In the server's log a statement could show a password.
_ALONE = ("-c", "password_encryption=scram-sha-256", "-c", "log_min_error_statement=panic")
_AVAILABLE = "SELECT name FROM pg_available_extensions\n"
_NAME = re.compile(r'^\s*1: name = "(.*)"\t', re.MULTILINE)
_ERROR = re.compile(r"(?:ERROR|FATAL):\s+(.+)")
NAMED_BY = "CHAOSLAB_POSTGRES_BIN"
OUT_OF_REACH = ErrorCode(
    "service.program_out_of_reach",
    "user {user}, which runs it for root, cannot reach {program} or a copy of it in {cache}",
    "Root runs the server as another user, who may not enter the folder of its program.",
)


def within_reach(binary: ServerBinary, identity: Identity, cache: Path) -> Path:
    """The path of a `postgres` that the user `identity` can run: the installed one, or a copy in
    the folder `cache`.

    Raises RuntimeUnavailable if this user cannot reach the cache either, or if the program is not
    in a folder `bin`, so that it cannot be copied.
    """
    if reachable(binary.path, identity) and reachable(binary.path.parent, identity):
        return binary.path
    if not reachable(cache, identity) or binary.path.parent.name != "bin":
        # Outside a folder `bin`, nothing tells which files belong to the installation.
        raise RuntimeUnavailable(
            Problem(
                reason=OUT_OF_REACH(
                    user=str(identity.uid), program=str(binary.path), cache=str(cache)
                ),
                where="postgres",
                fix="set CHAOSLAB_CACHE_DIR to a folder that every user may enter (mode 0755, as "
                "all folders above it), or make the folders above the program accessible",
            )
        )
    install = binary.path.parent.parent
    place = cache / f"postgres-{binary.number}-{fingerprint(binary.path)}"
    once(place, lambda part: _copy_install(install, part))
    return place / binary.path.relative_to(install.parent.parent)


def template(
    binary: ServerBinary,
    identity: Identity,
    keys: PostgresKeys,
    *,
    where: str,
    scratch: Path,
    env: Mapping[str, str],
) -> Path:
    """The path of the template: a new cluster with the user, the database and the extensions that
    `keys` declares. `where` is the place of the keys in the topology.

    The first call on a machine makes the template, and blocks. `scratch` is a folder of the lab in
    which initdb may work. Raises ServiceFailed if the template cannot be made, RuntimeUnavailable
    if the server lacks an extension.
    """
    feed, access = _feed(binary, keys), _CHECKED if keys.checks_password else ""

    def make(build: TemplateBuild) -> None:
        _make_cluster(binary.path, build, feed)
        if access:
            (build.data / "pg_hba.conf").write_text(access)
        if keys.extensions:
            _create_extensions(binary, build, keys, f"{where}.extensions")

    return made_once(
        binary,
        make,
        kind="postgres",
        named_by=NAMED_BY,
        depends_on=(SETTINGS, feed, access, *keys.extensions),
        identity=identity,
        scratch=scratch,
        env=env,
    )


def _copy_install(install: Path, part: Path) -> None:
    package = install.parent
    for name in ("bin", "lib", "lib64", "share"):
        _copy_tree(install / name, part / package.name / install.name / name)
    # Some wheels keep their libraries in a folder beside the package.
    _copy_tree(package.with_name(f"{package.name}.libs"), part / f"{package.name}.libs")
    _open_to_all(part)


def _copy_tree(source: Path, goal: Path) -> None:
    if source.is_dir():
        ignored = shutil.ignore_patterns("*.a", "__pycache__")
        shutil.copytree(source, goal, symlinks=True, ignore=ignored)


def _open_to_all(part: Path) -> None:
    # With the umask of the run, the server's user might not be able to read them.
    for folder, _, files in os.walk(part):
        os.chmod(folder, 0o755)
        for path in (Path(folder, name) for name in files):
            if not path.is_symlink():
                path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)


def _make_cluster(postgres: Path, build: TemplateBuild, feed: str) -> None:
    data = str(build.data)
    arguments = ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
    # Small segments of the write-ahead log (1 MB), since each lab copies a few of them.
    arguments += ["--no-sync", "--wal-segsize=1"]
    build.run([str(postgres.with_name("initdb")), *arguments])
    with open(build.data / "postgresql.conf", "a") as file:
        file.write(SETTINGS)
    build.run(_alone(postgres, build, "postgres"), feed)


def _feed(binary: ServerBinary, keys: PostgresKeys) -> str:
    """The statements that create user and database, one a line, as a server without clients reads
    them.
    """
    how = _AS_FILES if int(binary.number.partition(".")[0]) >= 15 else ""
    database, user = identifier(keys.database), identifier(keys.user)
    return f"{keys.role};\nCREATE DATABASE {database} OWNER {user}{how};\n"


def _create_extensions(
    binary: ServerBinary, build: TemplateBuild, keys: PostgresKeys, where: str
) -> None:
    alone = _alone(binary.path, build, keys.database)
    available = _NAME.findall(build.run(alone, _AVAILABLE))
    fix = (
        "install the package that has it for this server (on Debian, search for "
        f"postgresql-{binary.number.partition('.')[0]}), or choose another server with {NAMED_BY}"
    )
    check_extensions(keys.extensions, available, server=binary.version, where=where, fix=fix)
    for name in keys.extensions:
        try:
            build.run(alone, f"{create_extension(name)};\n")
        except ServiceFailed as error:
            found = _ERROR.findall("\n".join(line for p in error.problems for line in p.lines))
            cause = found[0] if found else str(error)
            raise not_created(name, server=binary.version, where=where, cause=cause) from error


def _alone(postgres: Path, build: TemplateBuild, database: str) -> Sequence[str]:
    """The command of a server that has no clients, and reads statements from its input."""
    return [str(postgres), "--single", *_ALONE, "-D", str(build.data), database]
