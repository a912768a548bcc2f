"""The table `[deployment]`: its shapes, the rules between its parts, and the plain data that it
becomes.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from chaoslab.errors import ErrorCode
from chaoslab.model.deployment import ON, Bypass, Deployment, Figure, Pool, Window
from chaoslab.model.deployment_path import is_deployment_path, is_figure
from chaoslab.model.loader.base import NonEmpty, Shape, VariableName, rule
from chaoslab.model.loader.mistakes import (
    Mistake,
    Table,
    named_twice,
    table_of,
    tables_of,
    texts_of,
)

NO_RULE = ErrorCode(
    "deployment.no_rule",
    "has no rule: nothing to check",
    "The table [deployment] names a file, and no rule that the file must keep.",
)
NO_ENV = ErrorCode(
    "deployment.no_env",
    "the place of the variable '{variable}' is not declared",
    "A rule names a variable, and `[deployment]` does not say where in the file the variables are.",
)
ONE_PORT = ErrorCode(
    "deployment.one_port",
    "got one port",
    "The rule `ports` has only one port, which cannot be compared with another.",
)
UNKNOWN_LINK = ErrorCode(
    "deployment.unknown_link",
    "no app has a link '{link}'",
    "An entry of `paths` names a link that no app has.",
)
LINK_TWICE = ErrorCode(
    "deployment.link_twice",
    "link '{link}' already has a variable (by '{first}')",
    "Two entries of `paths` name a variable for the same link.",
)

A_PATH = "a path into the deployment file, for example spec.ports[name=http].port"
A_FIGURE = f"a number of 0 or more, {A_PATH}, or $NAME for a variable's value"
FIGURES = f"{A_FIGURE}, or a list of these (the sum is used)"
_VARIABLE = "a string, the name of a variable"


def _figure(value: object) -> Figure:
    if isinstance(value, str) and is_figure(value):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
        return float(value)
    raise PydanticCustomError("rule", "not allowed here")


def _figures(value: object) -> tuple[Figure, ...]:
    found = tuple(_figure(each) for each in (value if isinstance(value, list) else [value]))
    if not found:
        raise PydanticCustomError("rule", "not allowed here")
    return found


OneFigure = Annotated[Figure, PlainValidator(_figure)]
Sum = Annotated[tuple[Figure, ...], PlainValidator(_figures)]
InFile = Annotated[str, rule(is_deployment_path)]


class BypassShape(Shape):
    """The keys of the table `[deployment.bypass]`."""

    variable: VariableName = Field(description=_VARIABLE)
    profile: VariableName = Field(description=_VARIABLE)
    allowed_in: list[NonEmpty] = Field(
        default_factory=list, description="a list of strings, the names of non-production profiles"
    )
    on: list[NonEmpty] = Field(
        default_factory=lambda: list(ON),
        min_length=1,
        description="a list of strings, at least one",
    )


class WindowShape(Shape):
    """The keys of the table `[deployment.window]`."""

    initial_delay_s: OneFigure = Field(description=A_FIGURE)
    period_s: OneFigure = Field(description=A_FIGURE)
    failures: OneFigure = Field(description=A_FIGURE)
    startup_s: OneFigure = Field(description=A_FIGURE)


class PoolShape(Shape):
    """The keys of the table `[deployment.pool]`."""

    size: Sum = Field(description=FIGURES)
    instances: Sum = Field(description=FIGURES)
    limit: OneFigure = Field(description=A_FIGURE)
    reserved: OneFigure = Field(default=0.0, description=A_FIGURE)


class DeploymentShape(Shape):
    """The keys of the table `[deployment]`."""

    file: NonEmpty = Field(description="a string, a YAML or TOML file, relative to this file")
    root: InFile | None = Field(default=None, description=A_PATH)
    env: InFile | None = Field(default=None, description=A_PATH)
    required: list[VariableName] = Field(
        default_factory=list, description="a list of strings, names of variables"
    )
    bypass: BypassShape | None = Field(default=None, description="a table")
    window: WindowShape | None = Field(default=None, description="a table")
    pool: PoolShape | None = Field(default=None, description="a table")
    ports: list[OneFigure] = Field(default_factory=list, description=f"a list, each {A_FIGURE}")
    paths: dict[str, VariableName] = Field(
        default_factory=dict,
        description='a table of strings, for example postgres = "DATABASE_URL"',
    )


DEPLOYMENT_SHAPES: dict[tuple[str, ...], type[Shape]] = {
    ("deployment",): DeploymentShape,
    ("deployment", "bypass"): BypassShape,
    ("deployment", "window"): WindowShape,
    ("deployment", "pool"): PoolShape,
}
_HERE = ("deployment",)
RULES = ("required", "bypass", "window", "pool", "ports", "paths")


def deployment_mistakes(document: Table) -> Iterator[Mistake]:
    """A mistake for each part of the raw table `[deployment]` that does not fit the other parts.
    The shapes report wrong types.
    """
    if not isinstance(document.get("deployment"), dict):
        return
    table = table_of(document["deployment"])
    if not any(table.get(each) for each in RULES):
        rules = f"one of: {', '.join(RULES)}"
        yield Mistake(place=_HERE, reason=NO_RULE(), expected=rules)
    if "env" not in table:
        fix = "add env, the path of the app's variables, to [deployment]"
        for rule_name, variable in _variables(table):
            yield Mistake(place=(*_HERE, rule_name), reason=NO_ENV(variable=variable), fix=fix)
    ports = table.get("ports")
    if isinstance(ports, list) and len(ports) == 1:
        expected = "two or more ports to compare"
        yield Mistake(place=(*_HERE, "ports"), reason=ONE_PORT(), expected=expected)
    seen: set[str] = set()
    for index, name in texts_of(table.get("required")):
        if name in seen:
            yield named_twice((*_HERE, "required", index), name, "variable")
        seen.add(name)
    yield from _links(table_of(table.get("paths")), document)


def deployment(shape: DeploymentShape, folder: Path, links: Mapping[str, object]) -> Deployment:
    """The plain data of the table `[deployment]`. The file is relative to `folder`; whether it
    exists is not checked. `links` are the names of all links.
    """
    return Deployment(
        file=os.path.abspath(folder / shape.file),
        root=shape.root or "",
        env=shape.env or "",
        required=tuple(shape.required),
        bypass=_bypass(shape.bypass) if shape.bypass else None,
        window=Window(**shape.window.model_dump()) if shape.window else None,
        pool=Pool(**shape.pool.model_dump()) if shape.pool else None,
        ports=tuple(shape.ports),
        paths={
            link: variable
            for text, variable in shape.paths.items()
            for link in links
            if link in (text, f"{link.rpartition('.')[0]}.{text}")
        },
    )


def _bypass(shape: BypassShape) -> Bypass:
    return Bypass(
        variable=shape.variable,
        profile=shape.profile,
        allowed_in=tuple(shape.allowed_in),
        on=tuple(word.lower() for word in shape.on),
    )


def _variables(table: Table) -> Iterator[tuple[str, str]]:
    """The name of each rule in the table that names variables, with the first variable that it
    names.
    """
    for key, given in table.items():
        names: list[object] = []
        if key == "required" and isinstance(given, list):
            names = given[:1]
        elif key == "bypass" and isinstance(given, dict):
            names = [given.get("variable")]
        elif key == "paths" and isinstance(given, dict):
            names = [*given.values()][:1]
        elif key in ("ports", "window", "pool"):
            names = [*[text[1:] for text in _texts(given) if text.startswith("$")][:1]]
        for name in names:
            if isinstance(name, str):
                yield key, name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _links(paths: Table, document: Table) -> Iterator[Mistake]:
    links = [
        f"{app}.{service}"
        for app, table in tables_of(document.get("apps")).items()
        for _, service in texts_of(table.get("links"))
    ]
    known = dict.fromkeys([*(link.rpartition(".")[2] for link in links), *links])
    taken: dict[str, str] = {}
    for text in paths:
        place = (*_HERE, "paths", text)
        if text not in known:
            expected = f"one of: {', '.join(known)}"
            yield Mistake(place=place, reason=UNKNOWN_LINK(link=text), expected=expected)
        for link in (each for each in links if each == text or each.rpartition(".")[2] == text):
            if link in taken:
                reason = LINK_TWICE(link=link, first=taken[link])
                yield Mistake(place=place, reason=reason, expected="one variable for each link")
            taken[link] = text
