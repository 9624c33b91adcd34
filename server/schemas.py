"""Schemas: JSON schemas of orders and messages, drawn from the models that validate them."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from omote.engines.effect import kinds
from omote.server.control import LONGEST_ID
from omote.server.messages import Accepted, State
from omote.server.orders import DepthSettings, Settings, StageSettings
from omote.server.scene import SceneMessage

Schema = dict[str, Any]
Path = tuple[str, ...]
"Keys from an order's root to a value: params, background, strength."


def order_schema() -> Schema:
    """Of an order: a merge patch, so everything may be left out and null means the default."""
    effects = {"type": "array", "items": {"enum": list(kinds())}, "uniqueItems": True}
    params = {name: _patch(model_schema(kind.Params)) for name, kind in kinds().items()}
    return _object(
        id={"type": "string", "maxLength": LONGEST_ID, "description": "Echoed in the answer."},
        effects=_or_null(effects | {"description": "What a frame goes through, in this order."}),
        params=_or_null(_object(**params)),
        stage=_patch(model_schema(StageSettings)),
        depth=_patch(model_schema(DepthSettings)),
        scene=_or_null(model_schema(SceneMessage)),
        calibrate={
            "type": ["boolean", "null"],
            "description": "true takes the face of the next moment as the neutral one.",
        },
    )


def state_schema() -> Schema:
    """Of a stage's state, with the parameters of every effect."""
    schema = model_schema(State)
    params = {name: _complete(model_schema(kind.Params)) for name, kind in kinds().items()}
    schema["properties"]["params"] |= _object(**params) | {"required": list(params)}
    for block in ("stage", "depth"):
        schema["properties"][block] = _complete(schema["properties"][block])
    return schema


def accepted_schema() -> Schema:
    """Of the answer to an order that was carried out."""
    schema = model_schema(Accepted)
    schema["properties"]["state"] = state_schema()
    return schema


def parameters() -> Iterator[tuple[Path, Schema]]:
    """Everything that can be ordered but the list of effects: where it is, and its schema."""
    models: list[tuple[Path, type[BaseModel]]] = [((name,), model) for name, model in blocks()]
    models += [(("params", name), kind.Params) for name, kind in kinds().items()]
    for path, model in models:
        for key, schema in model_schema(model)["properties"].items():
            yield (*path, key), schema


def blocks() -> Iterator[tuple[str, type[BaseModel]]]:
    """Parts of an order that are settings of the stage itself, by their keys, and their models."""
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


def described(name: str, kind: type, params: type[BaseModel]) -> Schema:
    """An effect or a block of settings: what it does, and the schema of its values."""
    words = (kind.__doc__ or "").strip().partition("\n")[0]
    return {"name": name, "description": words, "schema": params.model_json_schema()}


def model_schema(model: type[BaseModel]) -> Schema:
    """A model's schema without references; models that contain themselves have none."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    inlined: Schema = _inlined(schema, definitions)
    return inlined


def facts(schema: Schema) -> Schema:
    """A parameter's schema with `anyOf [..., null]` taken apart into the rest and `nullable`."""
    options = schema.get("anyOf", [])
    real: Schema = next((option for option in options if option.get("type") != "null"), {})
    nullable = any(option.get("type") == "null" for option in options)
    rest = {key: value for key, value in schema.items() if key != "anyOf"}
    return {**real, **rest, "nullable": nullable}


def _inlined(node: Any, definitions: Mapping[str, Schema]) -> Any:
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    rest = {key: _inlined(value, definitions) for key, value in node.items() if key != "$ref"}
    if isinstance(reference := node.get("$ref"), str):
        return _inlined(definitions[reference.rpartition("/")[2]], definitions) | rest
    return rest


def _patch(schema: Schema) -> Schema:
    """An object's schema as a merge patch of it."""
    schema.pop("required", None)
    schema["properties"] = {key: _or_null(value) for key, value in schema["properties"].items()}
    return _or_null(schema)


def _complete(schema: Schema) -> Schema:
    """An object's schema where nothing is left out, as in a state."""
    return schema | {"required": list(schema["properties"])}


def _or_null(schema: Schema) -> Schema:
    """A schema that takes null, too; what describes it stays outside."""
    if facts(schema)["nullable"]:
        return schema
    outside = ("title", "description", "default")
    words: Schema = {key: schema.pop(key) for key in outside if key in schema}
    return {**words, "anyOf": [schema, {"type": "null"}]}


def _object(**properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}
