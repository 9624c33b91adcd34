"""What each surface of the server shows of a parameter, brought into one form to compare."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from omote.engines.effect import kinds
from omote.server.schemas import Path, Schema, blocks, facts, model_schema, parameters


@dataclass(frozen=True)
class Shown:
    """A parameter as a surface shows it; bounds as written in the schema."""

    kind: str
    least: float | None
    most: float | None
    choices: tuple[str, ...]
    unit: str | None
    words: str
    default: str


def of_schema(schema: Schema) -> Shown:
    """From a JSON schema of the parameter, whichever document carries it."""
    known = facts(schema)
    return Shown(
        "choice" if "enum" in known else known.get("type", "anything"),
        known.get("minimum", known.get("exclusiveMinimum")),
        known.get("maximum", known.get("exclusiveMaximum")),
        tuple(str(choice) for choice in known.get("enum", ())),
        known.get("unit"),
        known.get("description", ""),
        str(known.get("default")),
    )


def wanted() -> dict[Path, Shown]:
    """As the models have it: the one source."""
    return {path: of_schema(schema) for path, schema in parameters()}


def of_blocks(schemas: Mapping[Path, Schema]) -> dict[Path, Shown]:
    """From the schemas of whole blocks, such as `params.background` and `stage`."""
    return {
        (*path, key): of_schema(schema)
        for path, block in schemas.items()
        for key, schema in block["properties"].items()
    }


def of_order(order: Schema) -> dict[Path, Shown]:
    """From the schema of an order, as OpenAPI and AsyncAPI have it."""
    effects = facts(order["properties"]["params"])["properties"]
    params: dict[Path, Schema] = {("params", name): facts(x) for name, x in effects.items()}
    settings: dict[Path, Schema] = {
        (name,): facts(order["properties"][name]) for name, _ in blocks()
    }
    return of_blocks(params | settings)


def others() -> dict[Path, Any]:
    """A value for each parameter that is not its default, and that may be set by itself."""
    return {path: _other(path, facts(schema)) for path, schema in parameters()}


def _other(path: Path, known: Schema) -> Any:
    for value in _candidates(known):
        if value != known.get("default") and _is_taken(path, value):
            return value
    raise AssertionError(f"no value but the default can be set for {'.'.join(path)}")


def _candidates(known: Schema) -> list[Any]:
    if "enum" in known:
        return [*known["enum"]]
    if known.get("type") == "boolean":
        return [True, False]
    if known.get("type") in ("number", "integer"):
        # The bounds are whole steps of every slider; what lies between may not be.
        return [known.get("maximum", 100), known.get("minimum", 0)]
    return ["something", "#123456", "a"]


def _is_taken(path: Path, value: Any) -> bool:
    model = kinds()[path[1]].Params if path[0] == "params" else dict(blocks())[path[0]]
    try:
        model.model_validate({path[-1]: value})
    except ValidationError:
        return False
    return True


def at(state: Any, path: Path) -> Any:
    """What a state says of a parameter."""
    for key in path:
        state = state[key]
    return state


def order_of(values: Mapping[Path, Any]) -> dict[str, Any]:
    """One order that sets all of these."""
    order: dict[str, Any] = {}
    for path, value in values.items():
        place = order
        for key in path[:-1]:
            place = place.setdefault(key, {})
        place[path[-1]] = value
    return order


def block_schemas() -> dict[Path, Schema]:
    """The blocks that parameters are in, from their models."""
    effects: dict[Path, Schema] = {
        ("params", name): model_schema(kind.Params) for name, kind in kinds().items()
    }
    return effects | {(name,): model_schema(model) for name, model in blocks()}
