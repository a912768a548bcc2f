"""`[deployment]`: its shapes, what its names must fit, and the plain data that it becomes."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field, PlainValidator
from pydantic_core import PydanticCustomError

from chaoslab.model.deployment import ON, Bypass, Deployment, Figure, Pool, Window
from chaoslab.model.deployment_path import is_deployment_path, is_figure
from chaoslab.model.loader.base import NonEmpty, Shape, VariableName, rule

# Place below `deployment`, what is wrong, what was expected, the fix.
DeploymentProblem = tuple[tuple[str | int, ...], str, str, str]

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
    """`[deployment.bypass]`."""

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
    """`[deployment.window]`."""

    initial_delay_s: OneFigure = Field(description=A_FIGURE)
    period_s: OneFigure = Field(description=A_FIGURE)
    failures: OneFigure = Field(description=A_FIGURE)
    startup_s: OneFigure = Field(description=A_FIGURE)


class PoolShape(Shape):
    """`[deployment.pool]`."""

    size: Sum = Field(description=FIGURES)
    instances: Sum = Field(description=FIGURES)
    limit: OneFigure = Field(description=A_FIGURE)
    reserved: OneFigure = Field(default=0.0, description=A_FIGURE)


class DeploymentShape(Shape):
    """`[deployment]`."""

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
RULES = ("required", "bypass", "window", "pool", "ports", "paths")


def deployment_problems(document: Mapping[str, object]) -> Iterator[DeploymentProblem]:
    """What does not fit together in the raw table; wrong types are the shape's to report."""
    table = document.get("deployment")
    if not isinstance(table, dict):
        return
    if not any(table.get(each) for each in RULES):
        yield (), "has no rule: nothing to check", f"one of: {', '.join(RULES)}", ""
    if "env" not in table:
        for place, name in _variables(table):
            what = f"the place of the variable '{name}' is not declared"
            yield place, what, "", "add env, the path of the app's variables, to [deployment]"
    ports = table.get("ports")
    if isinstance(ports, list) and len(ports) == 1:
        yield ("ports",), "got one port", "two or more ports to compare", ""
    yield from _named_twice(table.get("required"))
    yield from _unknown_links(table.get("paths"), document)


def deployment(shape: DeploymentShape, folder: Path, links: Mapping[str, object]) -> Deployment:
    """The plain data; the file is seen from `folder`, and whether it is there is not looked at."""
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


def _variables(table: Mapping[str, object]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every variable that a rule speaks of, with the rule's place."""
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
                yield (key,), name


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _texts(each)


def _named_twice(required: object) -> Iterator[DeploymentProblem]:
    seen: set[str] = set()
    for index, name in enumerate(required if isinstance(required, list) else []):
        if isinstance(name, str):
            if name in seen:
                yield ("required", index), f"'{name}' is named twice", "each variable once", ""
            seen.add(name)


def _unknown_links(paths: object, document: Mapping[str, object]) -> Iterator[DeploymentProblem]:
    apps = document.get("apps")
    links: dict[str, None] = {}
    for app, table in apps.items() if isinstance(apps, dict) else ():
        services = table.get("links") if isinstance(table, dict) else None
        for service in services if isinstance(services, list) else ():
            links |= {f"{app}.{service}": None} if isinstance(service, str) else {}
    known = {**dict.fromkeys(link.rpartition(".")[2] for link in links), **links}
    taken: dict[str, str] = {}
    for text in paths if isinstance(paths, dict) else ():
        if text not in known:
            yield ("paths", text), f"no app has a link '{text}'", f"one of: {', '.join(known)}", ""
        for link in (each for each in links if each == text or each.rpartition(".")[2] == text):
            if link in taken:
                what = f"link '{link}' already has a variable (by '{taken[link]}')"
                yield ("paths", text), what, "one variable for each link", ""
            taken[link] = text
