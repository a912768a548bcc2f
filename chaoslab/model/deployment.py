"""The rules for a deployment file, and where its values are in that file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# A number, a path into the deployment file (`model/deployment_path.py`), or `$NAME` for a variable.
Figure = float | str

ON = ("true", "1", "yes", "on")
OFF = ("", "false", "0", "no", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """The rule for `variable`, which lets the app start without its dependencies: only the profiles
    in `allowed_in` may set it to one of the words `on`.

    `profile` is the variable that holds the profile's name. A profile that is missing or not in
    `allowed_in` counts as production.
    """

    variable: str
    profile: str
    allowed_in: tuple[str, ...] = ()
    on: tuple[str, ...] = ON


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time in seconds that the platform's prober gives a start-up, and the time that the app
    needs (`startup_s`).

    A prober sends its first request after `initial_delay_s`, and then one every `period_s`. It
    gives up at request number `failures`: `initial_delay_s + period_s * (failures - 1)` after the
    start.
    """

    initial_delay_s: Figure
    period_s: Figure
    failures: Figure
    startup_s: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """The rule that all instances of the app together open no more connections than the server
    allows.

    `size` is the number of connections of one instance, and `instances` the largest number of
    instances; each is the sum of its figures. `limit` is the largest number of connections of the
    server, of which `reserved` are not available.
    """

    size: tuple[Figure, ...]
    instances: tuple[Figure, ...]
    limit: Figure
    reserved: Figure = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The deployment file (an absolute path) and its rules. A rule that is absent is not checked.

    `root` is put before every path that does not choose a document itself. `env` is the path of the
    app's variables. All `ports` must be equal. `paths` maps a link `app.service` to the variable
    that holds the service's URL.
    """

    file: str
    root: str = ""
    env: str = ""
    required: tuple[str, ...] = ()
    bypass: Bypass | None = None
    window: Window | None = None
    pool: Pool | None = None
    ports: tuple[Figure, ...] = ()
    paths: Mapping[str, str] = field(default_factory=dict)
