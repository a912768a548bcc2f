"""MariaDB or MySQL as processes of this machine: finds the program, makes its data, starts it.

Sources: the reference of both products for `mariadbd` and `mysqld`, `mariadb-install-db` and
`mysqld --initialize-insecure`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chaoslab.errors import ErrorCode, Problem, RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.machine.places import server_identity, write_private
from chaoslab.services.answers import ready
from chaoslab.services.mysql.keys import MysqlKeys, url_of
from chaoslab.services.mysql.protocol import log_in_answered
from chaoslab.services.programs import Candidate, Program, ServerBinary, named, on_path
from chaoslab.services.template import CopiedServer, TemplateBuild, template

_NAMED_BY = "CHAOSLAB_MYSQLD"
# A crash of the server loses nothing that was committed; only a power cut could.
# In both products; an option that one of them does not know would stop it.
_OPTIONS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--socket=server.sock",  # relative to its data: a long path would not fit into a socket's name
    "--pid-file=server.pid",
    "--skip-name-resolve",
    "--max-connections=100",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-doublewrite=OFF",
    "--innodb-use-native-aio=OFF",
    "--innodb-buffer-pool-size=32M",
    "--performance-schema=OFF",
    "--skip-log-bin",
)
# For `mariadb-install-db`; a small log, since each lab copies it.
_FIRST_OPTIONS = (
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--skip-name-resolve",
    "--innodb-log-file-size=8M",
)
_ONLY_MYSQL = ("--mysqlx=OFF",)  # a second protocol, with a port of its own
NO_INSTALLER = ErrorCode(
    "service.no_installer",
    "no {name} for {program}",
    "The program that creates an empty data folder of MariaDB is not in its installation.",
)


def _candidates() -> tuple[Candidate, ...]:
    if program := environment().get(_NAMED_BY):
        return (named(Path(program), _NAMED_BY),)
    return (*on_path("mariadbd"), *on_path("mysqld"))


PROGRAM = Program(
    oldest={"MariaDB": 10, "MySQL": 8},
    candidates=_candidates,
    fix="install it (`apt install mariadb-server`; the lab starts its own, the system's service "
    f"need not run), or set {_NAMED_BY} to the program mariadbd or mysqld",
    package="mariadb-server",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MysqlServer(CopiedServer):
    """MariaDB or MySQL as processes, on a copy of the machine's template of its data."""

    keys: MysqlKeys

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """The command that starts the server. It reads no configuration file of the machine."""
        return (*_options(self.binary, home / "data"), f"--tmpdir={home}", f"--port={port}")

    async def answers(self, port: int) -> bool:
        """Whether the server sends its greeting, and then accepts or refuses a log-in."""
        return await ready(port, log_in_answered)

    def url(self, endpoint: Endpoint) -> str:
        """The URL of the declared database through `endpoint`, for the declared user.

        The user has all rights in that database only.
        """
        keys = self.keys
        return url_of(keys.user, keys.password, endpoint, keys.database)


def mysql_server(keys: MysqlKeys, *, scratch: Path, env: Mapping[str, str]) -> MysqlServer:
    """The MariaDB or MySQL of this machine, with what `keys` declares. The first call makes its
    template, and blocks.

    Raises RuntimeUnavailable if no program is usable, ServiceFailed if the template cannot be made.
    """
    binary, identity = PROGRAM.find(), server_identity()
    made = template(
        binary, partial(_make_data, binary, keys.account), kind="mysql", named_by=_NAMED_BY,
        depends_on=(keys.account, *_FIRST_OPTIONS), identity=identity, scratch=scratch, env=env,
    )  # fmt: skip
    return MysqlServer(binary=binary, template=made, identity=identity, keys=keys)


def _make_data(binary: ServerBinary, statements: str, build: TemplateBuild) -> None:
    """Create an empty data folder, and run `statements`, which create database and user."""
    account = build.home / "account.sql"
    write_private(account, statements, build.identity)
    if binary.product == "MySQL":
        options = _options(binary, build.data)
        build.run((*options, "--initialize-insecure", f"--init-file={account}"))
    else:
        made = (f"--datadir={build.data}", f"--extra-file={account}")
        build.run((str(_installer(binary.path)), *_FIRST_OPTIONS, *made))


def _options(binary: ServerBinary, data: Path) -> tuple[str, ...]:
    only = _ONLY_MYSQL if binary.product == "MySQL" else ()
    return (str(binary.path), *_OPTIONS, *only, f"--datadir={data}")


def _installer(program: Path) -> Path:
    """The path of `mariadb-install-db` of the same installation. Raises RuntimeUnavailable if
    it is missing.
    """
    name, root = "mariadb-install-db", program.parent.parent
    for folder in (program.parent, root / "bin", root / "scripts"):
        if os.access(folder / name, os.X_OK):
            return folder / name
    raise RuntimeUnavailable(
        Problem(
            reason=NO_INSTALLER(name=name, program=str(program)),
            expected=f"it in the same folder, in {root}/bin or in {root}/scripts",
            fix=f"install the complete MariaDB server, or set {_NAMED_BY} to another mariadbd",
        )
    )
