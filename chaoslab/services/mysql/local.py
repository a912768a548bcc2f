"""MariaDB or MySQL as processes of this machine: its program, its data, and how it is started.

Sources: the reference of both products for `mariadbd` and `mysqld`, `mariadb-install-db` and
`mysqld --initialize-insecure`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chaoslab.errors import RuntimeUnavailable
from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.machine.places import cache_folder, server_identity
from chaoslab.machine.process import Identity
from chaoslab.services.answers import ready
from chaoslab.services.base import Stop
from chaoslab.services.mysql.protocol import log_in_answered
from chaoslab.services.programs import Candidate, Program, ServerBinary, named, on_path
from chaoslab.services.template import Workshop, template, unpacked

_NAMED_BY = "CHAOSLAB_MYSQLD"
# A crash of the server loses nothing that was committed, and a power cut is not ours to survive.
# In both products; a name that one of them lacks would stop it.
_OPTIONS = (
    "--no-defaults",
    "--bind-address=127.0.0.1",
    "--socket=server.sock",  # as seen from its data, so that no path is too long for a socket
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
# Of `mariadb-install-db`: a small log, since each lab copies it.
_FIRST_OPTIONS = (
    "--no-defaults",
    "--auth-root-authentication-method=normal",
    "--skip-test-db",
    "--skip-name-resolve",
    "--innodb-log-file-size=8M",
)
_ONLY_MYSQL = ("--mysqlx=OFF",)  # a second protocol, with a port of its own
_ACCOUNT = """\
FLUSH PRIVILEGES;
CREATE DATABASE chaoslab CHARACTER SET utf8mb4;
CREATE USER chaoslab@'%' IDENTIFIED BY 'chaoslab';
GRANT ALL ON chaoslab.* TO chaoslab@'%';
"""


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
class MysqlServer:
    """MariaDB or MySQL on a copy of the machine's template."""

    binary: ServerBinary
    template: Path
    identity: Identity
    stop_by: Stop = ((signal.SIGTERM, 10.0),)

    @property
    def version(self) -> str:
        """As in `MariaDB 10.11.6 (system)`."""
        return self.binary.version

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Unpack the template; modes and, for root, owners come along."""
        await unpacked("mysql", self.template, home, env)

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """All options, since no file of the machine's is read."""
        return (*_options(self.binary, home / "data"), f"--tmpdir={home}", f"--port={port}")

    async def answers(self, port: int) -> bool:
        """Greeted, and a log-in answered."""
        return await ready(port, log_in_answered)

    def url(self, endpoint: Endpoint) -> str:
        """As the user `chaoslab`, who has all rights in the database and none elsewhere."""
        return f"mysql://chaoslab:chaoslab@{endpoint}/chaoslab"


def mysql_server(*, scratch: Path, env: Mapping[str, str]) -> MysqlServer:
    """A server ready to be copied and started; blocks while the template is first made."""
    binary, identity = PROGRAM.find(), server_identity()
    workshop = Workshop(
        kind="mysql",
        named_by=_NAMED_BY,
        identity=identity,
        env=env,
        home=scratch / "mysql-template",
    )
    made = template(
        f"mysql-{binary.number}",
        binary.path,
        lambda workshop: _make_data(binary, workshop),
        depends_on=(_ACCOUNT, *_FIRST_OPTIONS),
        workshop=workshop,
        cache=cache_folder(identity),
    )
    return MysqlServer(binary=binary, template=made, identity=identity)


def _make_data(binary: ServerBinary, workshop: Workshop) -> None:
    """An empty data folder with the lab's account."""
    account = workshop.home / "account.sql"
    account.write_text(_ACCOUNT)
    account.chmod(0o644)
    if binary.product == "MySQL":
        options = _options(binary, workshop.data)
        workshop.run((*options, "--initialize-insecure", f"--init-file={account}"))
    else:
        made = (f"--datadir={workshop.data}", f"--extra-file={account}")
        workshop.run((str(_installer(binary.path)), *_FIRST_OPTIONS, *made))


def _options(binary: ServerBinary, data: Path) -> tuple[str, ...]:
    only = _ONLY_MYSQL if binary.product == "MySQL" else ()
    return (str(binary.path), *_OPTIONS, *only, f"--datadir={data}")


def _installer(program: Path) -> Path:
    """`mariadb-install-db` of the same installation."""
    name, root = "mariadb-install-db", program.parent.parent
    for folder in (program.parent, root / "bin", root / "scripts"):
        if os.access(folder / name, os.X_OK):
            return folder / name
    raise RuntimeUnavailable(
        f"no {name} beside {program}, in {root}/bin or in {root}/scripts: it creates an empty "
        f"data folder\n  install the whole MariaDB server, or set {_NAMED_BY} to another mariadbd"
    )
