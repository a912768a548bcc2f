"""RabbitMQ in a container, as its official image starts it.

A virtual host can only be created by the server's own command, or by its management plug-in, which
makes each start slower. So the lab runs `rabbitmqctl` in the container.

Sources: RabbitMQ, "rabbitmqctl(8)"; its official image, for the variables RABBITMQ_DEFAULT_*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.topology import Service
from chaoslab.services.answers import ready
from chaoslab.services.base import ContainerAccess
from chaoslab.services.rabbitmq.keys import keys_of, url_of
from chaoslab.services.rabbitmq.protocol import started

PORT = 5672
_USER, _PASSWORD = "RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_PASS"
_USUAL_VHOST = "/"  # the server has it from the start
_EVERYTHING = (".*", ".*", ".*")  # configure, write, read
# By a shell in the container, so that the password is on no command line of this machine.
_LOG_IN = f'rabbitmqctl authenticate_user "${{{_USER}:-guest}}" "${{{_PASSWORD}:-guest}}"'


def own_server(service: Service) -> RabbitServer:
    """The server for the lab's own container, with what the service declares."""
    keys = keys_of(service)
    vhost = keys.vhost if "vhost" in keys.model_fields_set else ""
    return RabbitServer(env={_USER: keys.user, _PASSWORD: keys.password}, vhost=vhost)


def stack_server(service: Service, env: Mapping[str, str]) -> RabbitServer:
    """The server of a Compose stack; its container's environment variables name its user."""
    del service
    return RabbitServer(env=env)


@dataclass(frozen=True, slots=True, kw_only=True)
class RabbitServer:
    """RabbitMQ in a container, with the user that its container's variables name, else guest.

    Each lab has its own virtual host, in which that user has all rights. It has the name `vhost`,
    or that of the lab if `vhost` is empty.
    """

    env: Mapping[str, str]
    vhost: str = ""
    command: tuple[str, ...] | None = None
    port: int = PORT

    async def answers(self, port: int) -> bool:
        """Whether the server answers the protocol header with Connection.Start."""
        return await ready(port, started)

    def prepare(self, access: ContainerAccess) -> str:
        """Check the user and the password; returns the product and version."""
        access.run(("sh", "-c", _LOG_IN))
        version = access.run(("rabbitmqctl", "-q", "version")).strip()
        if self.vhost == _USUAL_VHOST:
            access.run(("rabbitmqctl", "delete_vhost", self.vhost))
        return f"RabbitMQ {version}"

    def fresh(self, access: ContainerAccess, lab: str) -> None:
        """Create the lab's virtual host, and give the user all rights in it."""
        vhost = self.vhost or lab
        access.run(("rabbitmqctl", "add_vhost", vhost))
        access.run(("rabbitmqctl", "set_permissions", "-p", vhost, self._user, *_EVERYTHING))

    def clear(self, access: ContainerAccess, lab: str) -> None:
        """Delete the lab's virtual host; the server closes its connections."""
        access.run(("rabbitmqctl", "delete_vhost", self.vhost or lab))

    def url(self, endpoint: Endpoint, lab: str) -> str:
        """The URL of the lab's virtual host through `endpoint`, for the container's user."""
        return url_of(self._user, self.env.get(_PASSWORD) or "guest", endpoint, self.vhost or lab)

    @property
    def _user(self) -> str:
        return self.env.get(_USER) or "guest"
