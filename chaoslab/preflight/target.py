"""Finds the address of each path of the topology in the deployment's variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from chaoslab.model.deployment import Deployment
from chaoslab.preflight.document import Document
from chaoslab.preflight.env_file import read_env_file
from chaoslab.preflight.variables import placeholder_in, variable
from chaoslab.services.base import Kind
from chaoslab.services.path import NoTarget, Target

_REFERENCE = re.compile(r"\$\(([A-Za-z_]\w*)\)")


class Values:
    """Values of variables: from the env file, else the deployment file, else the environment."""

    def __init__(
        self,
        document: Document,
        rules: Deployment,
        env_file: Path | None,
        environment: Mapping[str, str],
    ) -> None:
        self._document, self._rules = document, rules
        self._given = read_env_file(env_file) if env_file else {}
        self._file, self._environment = str(env_file), environment

    def of(self, name: str) -> tuple[str, str]:
        """The value of a variable, and where it was found. If there is no value: the empty string,
        and why there is none.
        """
        if name in self._given:
            return self._given[name], f"{name} of {self._file}"
        found = variable(self._document, self._rules.env, name)
        where = self._document.where(found.line)
        if found.state == "set":
            return self._filled(found.text), f"{name}, {where}"
        if self._environment.get(name):
            return self._environment[name], f"{name} of the environment"
        return "", f"{name} {found.state_text} at {where}, and the environment does not have it"

    def secret(self, name: str) -> str:
        """The value of a variable, such as a password; empty if there is none."""
        return self.of(name)[0]

    def _filled(self, text: str) -> str:
        """The text with each `$(NAME)` replaced by the value of the variable NAME, as Kubernetes
        does.
        """

        def value(match: re.Match[str]) -> str:
            other = variable(self._document, self._rules.env, match[1])
            known = self._given.get(match[1]) or other.text or self._environment.get(match[1])
            return known or match[0]

        return _REFERENCE.sub(value, text)


def targets(
    link: str, kind: Kind, rules: Deployment, values: Values
) -> Iterator[Target | NoTarget]:
    """Yield a Target for every host in the URL of a link, or a NoTarget that says why there is
    none.

    The texts never show the URL, which may hold secrets.
    """
    name = rules.paths.get(link)
    if name is None:
        yield NoTarget(link=link, source="", why="", declared=False)
        return
    url, source = values.of(name)
    unfilled = placeholder_in(url) or next(iter(_REFERENCE.findall(url)), "")
    if not url:
        yield NoTarget(link=link, source="", why=source)
    elif unfilled:
        yield NoTarget(
            link=link, source=source, why=f"it still contains the placeholder {unfilled!r}"
        )
    elif kind.dialogue is None:
        why = f"cannot check a service of kind '{kind.name}'"
        yield NoTarget(link=link, source=source, why=why)
    else:
        try:
            yield from kind.dialogue.targets(link, url.strip(), source, values.secret)
        except ValueError:
            why = f"it is not a readable {kind.name} URL"
            yield NoTarget(link=link, source=source, why=why)
