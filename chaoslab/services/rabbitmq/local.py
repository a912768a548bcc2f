"""RabbitMQ as processes of this machine: its program, its data, and how it is started.

Sources: RabbitMQ, "Configuration" (environment variables, advanced.config); Erlang's reference of
`erl` and `epmd`.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from chaoslab.machine.endpoint import Endpoint
from chaoslab.machine.environment import environment
from chaoslab.machine.places import cache_folder, make_home, server_identity
from chaoslab.machine.ports import Ports
from chaoslab.machine.process import Identity
from chaoslab.services.answers import ready
from chaoslab.services.base import Stop
from chaoslab.services.programs import Candidate, Program, ServerBinary, named, on_path
from chaoslab.services.rabbitmq.protocol import started
from chaoslab.services.template import Workshop, template, unpacked

_NAMED_BY = "CHAOSLAB_RABBITMQ_SERVER"
# What Debian puts on PATH changes to a user and a folder of the system's: the script behind it.
_SYSTEM_PROGRAMS = ("/usr/lib/rabbitmq/lib/*/sbin/rabbitmq-server",)
_CONFIG_NAME = "advanced.config"
_CONFIG = """\
[{rabbit, [
  {default_user, <<"chaoslab">>},
  {default_pass, <<"chaoslab">>},
  {default_vhost, <<"chaoslab">>}
]}].
"""
# The same in every lab, since a node's name is part of its data.
_NODE = "rabbit@localhost"
# Nodes find each other by epmd, a daemon that outlives whoever started it. A node that is told the
# port of its distribution needs none. It takes the number of its clients' port, on an address of
# loopback of which labs use nothing.
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
    """By the folder of its own code, since any option would start the server."""
    for code in program.resolve().parent.parent.glob("plugins/rabbit-*"):
        return f"RabbitMQ {code.name.removeprefix('rabbit-')}"
    return "no folder plugins/rabbit-VERSION beside its own"


PROGRAM = Program(
    oldest={"RabbitMQ": 3},
    candidates=_candidates,
    version_text=_version_text,
    fix="install it (`apt install rabbitmq-server`; the lab starts its own, the system's service "
    f"need not run), or set {_NAMED_BY} to sbin/rabbitmq-server of its installation",
    package="rabbitmq-server",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitServer:
    """RabbitMQ without plug-ins, on a copy of the machine's template."""

    binary: ServerBinary
    template: Path
    identity: Identity
    stop_by: Stop = ((signal.SIGTERM, 10.0),)

    @property
    def version(self) -> str:
        """As in `RabbitMQ 3.10.8 (system)`."""
        return self.binary.version

    async def prepare(self, home: Path, env: Mapping[str, str]) -> None:
        """Unpack the template; modes and, for root, owners come along."""
        await unpacked("rabbitmq", self.template, home, env)

    def command(self, home: Path, port: int) -> tuple[str, ...]:
        """All settings by the environment; no file of the machine's is read."""
        return _command(self.binary.path, home, port)

    async def answers(self, port: int) -> bool:
        """The protocol header answered by Connection.Start."""
        return await ready(port, started)

    def url(self, endpoint: Endpoint) -> str:
        """As the user `chaoslab`, in a virtual host of that name."""
        return f"amqp://chaoslab:chaoslab@{endpoint}/chaoslab"


def rabbit_server(*, scratch: Path, env: Mapping[str, str]) -> RabbitServer:
    """A server ready to be copied and started; blocks while the template is first made."""
    binary, identity = PROGRAM.find(), server_identity()
    workshop = Workshop(
        kind="rabbitmq",
        named_by=_NAMED_BY,
        identity=identity,
        env=env,
        home=scratch / "rabbitmq-template",
    )
    made = template(
        f"rabbitmq-{binary.number}",
        binary.path,
        lambda workshop: _make_data(binary.path, workshop),
        depends_on=(_CONFIG, _NODE),
        workshop=workshop,
        cache=cache_folder(identity),
    )
    return RabbitServer(binary=binary, template=made, identity=identity)


def _make_data(program: Path, workshop: Workshop) -> None:
    """Start once, which makes user, virtual host and tables, and end when that is done."""
    home, identity = workshop.home, workshop.identity
    make_home(workshop.data, identity)
    config = workshop.data / _CONFIG_NAME
    config.write_text(_CONFIG)
    config.chmod(0o644)
    ports = Ports()
    try:
        workshop.run(_command(program, home, ports.take(), "-eval init:stop()."))
    finally:
        ports.close()


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
