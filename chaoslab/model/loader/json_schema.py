"""The JSON Schema of the topology file, for editors; made from the shapes of the loader.

The loader stays the truth: it also checks names, links, and keys that must fit together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chaoslab.model.loader.kinds import Kinds, images_shape, service_shape
from chaoslab.model.loader.names import NAME_PATTERN
from chaoslab.model.loader.shape import TopologyShape

# The newest draft that editors of TOML are known to read.
DIALECT = "http://json-schema.org/draft-07/schema#"
TITLE = "The topology file of chaoslab (chaoslab.toml)"
SHIPPED = Path(__file__).with_name("chaoslab.schema.json")
_NAMED = ("services", "apps", "connectors")
_NULL = {"type": "null"}
_NAMES = "#:schema"  # what editors read in the first line of a TOML file
Schema = dict[str, Any]


def naming_schema(text: str) -> str:
    """The text of a topology file with a first line that names the schema in the file's folder."""
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    first, end, rest = text.removeprefix(mark).partition("\n")
    if not first.startswith(_NAMES):
        first, end, rest = "", "\n", first + end + rest
    line_end = "\r" if first.endswith("\r") else ""
    return f"{mark}{_NAMES} ./{SHIPPED.name}{line_end}{end}{rest}"


def json_schema(kinds: Kinds) -> Schema:
    """The schema of `chaoslab.toml` for services of these kinds."""
    schema: Schema = TopologyShape.model_json_schema()
    tables, keys = schema["$defs"], schema["properties"]
    keys["services"]["additionalProperties"] = {"$ref": "#/$defs/Service"}
    keys["images"] = _inlined(images_shape(kinds).model_json_schema(), tables)
    tables["Service"] = _service(kinds, tables)
    for key in _NAMED:
        keys[key]["propertyNames"] = {"pattern": f"^{NAME_PATTERN}$"}
    for each in _schemas(schema):
        each.pop("title", None)
        _without_null(each)
    return {"$schema": DIALECT, "title": TITLE, **schema}


def schema_text(kinds: Kinds) -> str:
    """The schema as the text of a file."""
    return json.dumps(json_schema(kinds), indent=2, ensure_ascii=False) + "\n"


def _service(kinds: Kinds, tables: Schema) -> Schema:
    """The schema of one table `[services.<name>]`: which keys it may have depends on `kind`. All
    keys are listed as well, from which editors complete.
    """
    of_kind = {
        name: _inlined(service_shape(kinds, name).model_json_schema(), tables) for name in kinds
    }
    every = {key: value for each in of_kind.values() for key, value in each["properties"].items()}
    kind = {"enum": [*kinds], "description": "one of: " + ", ".join(kinds)}
    return {
        "type": "object",
        "required": ["kind"],
        "properties": {**every, "kind": kind},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {**schema, "properties": {**schema["properties"], "kind": kind}},
            }
            for name, schema in of_kind.items()
        ],
    }


def _inlined(schema: Schema, tables: Schema) -> Schema:
    """The schema, with its own definitions moved to `tables`, those of the whole document."""
    tables |= schema.pop("$defs", {})
    return schema


def _without_null(schema: Schema) -> None:
    """Remove the null of an absent key: TOML has none."""
    several = schema.get("anyOf", [])
    if _NULL in several:
        rest = [each for each in several if each != _NULL]
        del schema["anyOf"]
        schema |= rest[0] if len(rest) == 1 else {"anyOf": rest}
    if "default" in schema and schema["default"] is None:
        del schema["default"]


def _schemas(node: object) -> Iterator[Schema]:
    """Every schema within a schema. A table of properties is none: it may have a key `title`."""
    if isinstance(node, list):
        for each in node:
            yield from _schemas(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            inner = value.values() if key in ("properties", "$defs") else [value]
            for each in inner:
                yield from _schemas(each)
        yield node
