"""The dialects of health answers: named presets of the fields and words of a health contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from chaoslab.model.health import DEFAULT_WORDS, HealthContract, HealthState

DialectName = Literal[
    "ietf", "spring", "aspnet", "microprofile", "consul", "booleans", "text", "status_code"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Where answers of one convention have the app's word and its dependencies.

    `status_field`, `dependencies_field` and `name_separator` are those of a HealthContract. `words`
    are laid over the known words. An app of this convention has one of `vocabulary` for its state,
    written like that; a body of one of `content_types` is of this dialect.
    """

    status_field: str
    dependencies_field: str
    words: Mapping[str, HealthState] = field(default_factory=dict)
    name_separator: str = ""
    vocabulary: tuple[str, ...] = ()
    content_types: tuple[str, ...] = ()

    @property
    def contract(self) -> HealthContract:
        """The health contract of an app of this convention, with the usual paths."""
        return HealthContract(
            status_field=self.status_field,
            dependencies_field=self.dependencies_field,
            name_separator=self.name_separator,
            words={**DEFAULT_WORDS, **self.words},
        )


# A contract without a dialect.
USUAL = Dialect(status_field="status", dependencies_field="dependencies")

# A filter drops null, so a missing value must become a word or a type before it.
# Consul has one word for each check: take a critical or unknown one first, then a warning.
_WORST_CHECK = (
    """map(&(contains(`["passing", "warning", "critical"]`, Status) && Status """
    "|| 'unknown Status'), @) | ([?@!='passing' && @!='warning'] || [?@=='warning'] || @)[0]"
)
_ALL_BOOLEANS = (
    "!(map(&type(@), values(@))[?@!='boolean']) && values(@) "
    "| [?@] && [?!@] && 'some false' || [?!@] && 'all false' || [?@] && 'all true' || `null`"
)

DIALECTS: Mapping[DialectName, Dialect] = MappingProxyType(
    {
        "spring": Dialect(
            status_field="status",
            dependencies_field="components || details",
            vocabulary=("UP", "DOWN", "OUT_OF_SERVICE", "UNKNOWN"),
            content_types=("application/vnd.spring-boot.actuator",),
        ),
        "aspnet": Dialect(
            status_field="status",
            dependencies_field="entries || results",
            vocabulary=("Healthy", "Degraded", "Unhealthy"),
        ),
        "microprofile": Dialect(
            status_field="status", dependencies_field="checks[*]", vocabulary=("UP", "DOWN")
        ),
        "ietf": Dialect(
            status_field="status",
            dependencies_field="checks",
            name_separator=":",
            vocabulary=("pass", "warn", "fail"),
            content_types=("application/health+json",),
        ),
        "consul": Dialect(
            status_field=_WORST_CHECK,
            dependencies_field="[].{name: CheckID || Name, status: Status}",
            vocabulary=("passing", "warning", "critical"),
        ),
        "booleans": Dialect(
            status_field=_ALL_BOOLEANS,
            dependencies_field="@",
            words={
                "all true": HealthState.HEALTHY,
                "some false": HealthState.DEGRADED,
                "all false": HealthState.UNHEALTHY,
            },
            vocabulary=("all true", "some false", "all false"),
        ),
        "text": Dialect(status_field="@", dependencies_field=""),
        "status_code": Dialect(status_field="", dependencies_field=""),
    }
)
