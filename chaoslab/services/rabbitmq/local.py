"""RabbitMQ as processes of this machine: finds the program, makes its data, starts it.

Sources: RabbitMQ, "Configuration" (environment variables, advanced.config); Erlang's reference of
`erl` and `epmd`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.machine.places import make_home, server_identity, write_private
from chaoslab.machine.ports import Ports
from chaoslab.services.answers import ready
from chaoslab.services.programs import Candidate, Program, named, on_path
from chaoslab.services.rabbitmq.keys import RabbitKeys, url_of
from chaoslab.services.rabbitmq.protocol import started
from chaoslab.services.template import CopiedServer, TemplateBuild, template

_NAMED_BY = "CHAOSLAB_RABBITMQ_SERVER"
# The script itself: the one that Debian has on PATH changes to a user and a folder of the system.
_SYSTEM_PROGRAMS = ("/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server",)
_CONFIG_NAME = "advanced.config"
_CONFIG = """\
[{{rabbit, [
  {{default_user, {user}}},
  {{default_pass, {password}}},
  {{default_vhost, {vhost}}}
]}}].
"""
_NO_CONFIG = "[].\n"
# The same in every lab, since a node's name is part of its data.
_NODE = "rabbit@localhost"
# Nodes find each other by epmd, a daemon that would outlive the lab. A node with a given port for
# its distribution needs none. That port has the number of the clients' port, on an address of
# loopback that labs do not use.
_WITHOUT_EPMD = (
    "-noinput -sname {node} -start_epmd false -erl_epmd_port {port} "
    "-kernel inet_dist_use_interface {{127,0,0,2}}"
)


def _candidates() -> tuple[Candidate, ...]:
    if program := environment().get(_NAMED_BY):
        return (named(Path(program), _NAMED_BY),)
    return (*_of_the_system(), *on_path("rabbitmq-server"))


def _of_the_system() -> Iterator[Candidate]:
    for pattern in _SYSTEM_PROGRAMS:
        for path in sorted(Path("/").glob(pattern.lstrip("/")), reverse=True):
            yield Candidate(path=path, origin="system")


def _version_text(program: Path) -> str:
    """Product and version of the program, as in `RabbitMQ 3.12.1`, from the name of the folder with
    its code. If there is no such folder, a text that says so.

    A call of the program with any option would start the server.
    """
    for code in program.resolve().parent.parent.glob("plugins/rabbit-*"):
        return f"RabbitMQ {code.name.removeprefix('rabbit-')}"
    return "no folder plugins/rabbit-VERSION beside its own folder"


PROGRAM = Program(
    oldest={"RabbitMQ": 3},
    candidates=_candidates,
    version_text=_version_text,
    fix="install it (`apt install rabbitmq-server`; the lab starts its own, the system's service "
    f"need not run), or set {_NAMED_BY} to sbin/rabbitmq-server of its installation",
    package="rabbitmq-server",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitServer(CopiedServer):
    """RabbitMQ as processes without plug-ins, on a copy of the machine's template of its data."""

    keys: RabbitKeys

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """The command that starts the server.

        Every setting is in its environment: it reads no configuration file of the machine.
        """
        return _command(self.binary.path, home, port)

    async def answers(self, port: int) -> bool:
        """Whether the server answers the protocol header with Connection.Start."""
        return await ready(port, started)

    def url(self, endpoint: Endpoint) -> str:
        """The URL of the declared virtual host through `endpoint`, for the declared user."""
        keys = self.keys
        return url_of(keys.user, keys.password, endpoint, keys.vhost)


def rabbit_server(keys: RabbitKeys, *, scratch: Path, env: Mapping[str, str]) -> RabbitServer:
    """The RabbitMQ of this machine, with what `keys` declares. The first call creates the template
    of its data, and blocks.

    Raises RuntimeUnavailable if no program is usable, ServiceFailed if the template cannot be made.
    """
    binary, identity = PROGRAM.find(), server_identity()
    config = _CONFIG.format(
        user=_binary(keys.user), password=_binary(keys.password), vhost=_binary(keys.vhost)
    )
    made = template(
        binary, partial(_make_data, binary.path, config), kind="rabbitmq", named_by=_NAMED_BY,
        depends_on=(config, _NODE), identity=identity, scratch=scratch, env=env,
    )  # fmt: skip
    return RabbitServer(binary=binary, template=made, identity=identity, keys=keys)


def _make_data(program: Path, config: str, build: TemplateBuild) -> None:
    """Create the data of the template: start the server once with `config`; it creates user,
    virtual host and tables, and then stops. Later starts need no configuration, which has the
    password.
    """
    home, identity = build.home, build.identity
    make_home(build.data, identity)
    path = build.data / _CONFIG_NAME
    write_private(path, config, identity)
    ports = Ports()
    try:
        build.run(_command(program, home, ports.take(), "-eval init:stop()."))
    finally:
        ports.close()
    path.write_text(_NO_CONFIG)


def _binary(text: str) -> str:
    """A text as a binary of Erlang, which may have any character."""
    return f"<<{','.join(map(str, text.encode()))}>>"


def _command(program: Path, home: Path, port: int, *options: str) -> tuple[str, ...]:
    alone = _WITHOUT_EPMD.format(node=_NODE, port=port)
    settings = {
        "HOME": home,  # for the cookie
        "RABBITMQ_CONF_ENV_FILE": home / "rabbitmq-env.conf",
        "RABBITMQ_CONFIG_FILE": home / "rabbitmq.conf",
        "RABBITMQ_ADVANCED_CONFIG_FILE": home / "data" / _CONFIG_NAME,
        "RABBITMQ_ENABLED_PLUGINS_FILE": home / "enabled_plugins",
        "RABBITMQ_MNESIA_BASE": home / "data",
        "RABBITMQ_LOG_BASE": home / "log",
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_NODENAME": _NODE,
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": port,
        "RABBITMQ_ALLOW_INPUT": 1,  # the script becomes the server, and signals reach it
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": " ".join((alone, *options)),
    }
    words = (f"{name}={value}" for name, value in settings.items())
    return ("env", *words, str(program))
