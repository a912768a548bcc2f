"""What the deployment file must say: where things lie in it, and the rules that they must keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# A number, a path into the deployment file (`model/deployment_path.py`), or `$NAME` for a variable.
Figure = float | str

ON = ("true", "1", "yes", "on")
OFF = ("", "false", "0", "no", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bypass:
    """The variable that lets the app start without its dependencies, and where it may be on.

    Any profile that is not in `allowed_in` counts as production, and so does an absent one.
    """

    variable: str
    profile: str
    allowed_in: tuple[str, ...] = ()
    on: tuple[str, ...] = ON


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """How long the platform's prober lets a start-up take, in seconds, and what the app needs.

    A prober looks first after `initial_delay_s`, then each `period_s`; it gives up at the
    `failures`-th look, `initial_delay_s + period_s * (failures - 1)` after the start.
    """

    initial_delay_s: Figure
    period_s: Figure
    failures: Figure
    startup_s: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """Connections of one instance and instances at most (each a sum), against what is allowed."""

    size: tuple[Figure, ...]
    instances: tuple[Figure, ...]
    limit: Figure
    reserved: Figure = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The deployment file (an absolute path) and its rules; a rule that is absent is not checked.

    `root` stands before every path that does not choose a document itself; `env` is where the
    app's variables lie; `ports` must all be equal; `paths` maps a link `app.service` to the
    variable that holds the service's URL.
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
