"""The keys of `[services.<name>]` of kind `redis`, and the configuration that sets the password."""

from __future__ import annotations

from urllib.parse import quote

from pydantic import Field

from chaoslab.machine.endpoint import Endpoint
from chaoslab.model.loader.base import Shape
from chaoslab.model.topology import Service
from chaoslab.services.keys import PASSWORD, Password


class RedisKeys(Shape):
    """The keys of `[services.<name>]` for a service of kind `redis`."""

    password: Password = Field(default="", description=PASSWORD)

    @property
    def config(self) -> str:
        """The lines of the server's configuration file. Empty if no password is declared.

        In a file, so that the password is on no command line.
        """
        if not self.password:
            return ""
        escaped = "".join(f"\\x{byte:02x}" for byte in self.password.encode())
        return f'requirepass "{escaped}"\n'


def keys_of(service: Service) -> RedisKeys:
    """The keys of a service."""
    return RedisKeys.model_validate(dict(service.settings))


def url_of(keys: RedisKeys, endpoint: Endpoint, number: int = 0) -> str:
    """The URL of a numbered database through `endpoint`."""
    who = f":{quote(keys.password, safe='')}@" if keys.password else ""
    return f"redis://{who}{endpoint}/{number}"
