"""Discovery: every stage as a device in Home Assistant, drawn from the schemas.

One retained message per stage, after Home Assistant's MQTT device discovery. A parameter becomes the
kind of entity that fits its schema: bounded number, choice, switch, or text.
"""

import json
import math
import re
from typing import Any

from omote.server.messages import Stats
from omote.server.schemas import Path, Schema, facts, model_schema, parameters
from omote.server.topics import Topics

Component = dict[str, Any]

FINEST_STEP = 0.001
"Home Assistant takes no smaller one."
LONGEST_TEXT = 255
"Characters of a state in Home Assistant."
STALE_S = 10
"Seconds without stats after which a figure is unknown."
_VALUE = "{{ value | tojson }}"
_RAW = "{{ value }}"


class Discovery:
    """What is said to Home Assistant, and where."""

    def __init__(self, topics: Topics, version: str, prefix: str = "homeassistant") -> None:
        self._topics = topics
        self._version = version
        self._prefix = prefix
        self._here = re.sub(r"[^a-zA-Z0-9_-]", "_", topics.prefix)

    @property
    def birth_topic(self) -> str:
        """Where Home Assistant says that it has started."""
        return f"{self._prefix}/status"

    def topic(self, stage: str) -> str:
        """Where a stage's device is described."""
        return f"{self._prefix}/device/{self._here}_{stage}/config"

    def device(self, stage: str) -> dict[str, Any]:
        """The description of a stage."""
        own = f"{self._here}_{stage}"
        components = {**_controls(self._topics.of(stage, "set")), **self._figures(stage)}
        named = {key: {"unique_id": f"{own}_{key}", **c} for key, c in components.items()}
        return {
            "dev": {
                "ids": [own],
                "name": f"Omote {stage}",
                "mf": "Omote",
                "mdl": "stage",
                "sw": self._version,
            },
            "o": {"name": "omote", "sw": self._version},
            "availability_topic": self._topics.available,
            "state_topic": self._topics.of(stage, "state"),
            "qos": 1,
            "cmps": named,
        }

    def _figures(self, stage: str) -> dict[str, Component]:
        stats = self._topics.of(stage, "stats")
        figures = {"publisher": _publisher()}
        for key, schema in model_schema(Stats)["properties"].items():
            known = facts(schema)
            if known.get("type") in ("number", "integer"):
                figures[f"stats_{key}"] = _figure(key, known) | {"state_topic": stats}
        return figures


def component(path: Path, schema: Schema) -> Component:
    """The entity of one parameter; `path` leads to it in orders and states alike."""
    known = facts(schema)
    about = {"name": _name(path, known), "value_template": _template(path)}
    if known.get("type") == "boolean":
        return about | _switch(path)
    if choices := known.get("enum", [known["const"]] if "const" in known else None):
        return about | _select(path, choices, known["nullable"])
    if known.get("type") in ("number", "integer") and (bounds := bounds_of(known)):
        return about | _number(path, known, bounds)
    return about | _text(path, known)


def bounds_of(known: Schema) -> tuple[float, float, float] | None:
    """Least, most and step of a bounded number, as the page has them."""
    least = known.get("minimum", known.get("exclusiveMinimum"))
    most = known.get("maximum", known.get("exclusiveMaximum"))
    if least is None or most is None:
        return None
    whole = known["type"] == "integer"
    step = known.get("multipleOf", 1 if whole else _fine_step(most - least))
    return (
        least if "minimum" in known else least + step,
        most if "maximum" in known else most - step,
        step,
    )


def _controls(topic: str) -> dict[str, Component]:
    controls = {"_".join(path): component(path, schema) for path, schema in parameters()}
    effects = {"name": "Effects", **_json_text(("effects",))}
    return {
        key: c | {"command_topic": topic} for key, c in {"effects": effects, **controls}.items()
    }


def _switch(path: Path) -> Component:
    return {
        "p": "switch",
        "value_template": f"{{{{ 'ON' if {_place(path)} else 'OFF' }}}}",
        "state_on": "ON",
        "state_off": "OFF",
        "payload_on": _order(path, "true"),
        "payload_off": _order(path, "false"),
    }


def _select(path: Path, choices: list[Any], nullable: bool) -> Component:
    """Home Assistant's options are text: numbers go as they are, and null has a word."""
    is_text = all(isinstance(choice, str) for choice in choices)
    value = "value | tojson" if is_text else "value"
    command = (
        f"{{{{ 'null' if value == 'none' else {value} }}}}" if nullable else f"{{{{ {value} }}}}"
    )
    return {
        "p": "select",
        "options": [str(choice) for choice in choices] + (["none"] if nullable else []),
        "value_template": f"{{{{ 'none' if {_place(path)} is none else {_place(path)} }}}}",
        "command_template": _order(path, command),
    }


def _number(path: Path, known: Schema, bounds: tuple[float, float, float]) -> Component:
    least, most, step = bounds
    unit = {"unit_of_measurement": known["unit"]} if "unit" in known else {}
    return {
        "p": "number",
        "min": least,
        "max": most,
        "step": max(step, FINEST_STEP),
        "mode": "slider",
        "command_template": _order(path, _VALUE),
        **unit,
    }


def _text(path: Path, known: Schema) -> Component:
    if known.get("type") != "string":
        return _json_text(path)
    pattern = {"pattern": known["pattern"]} if "pattern" in known else {}
    value = "{{ value | tojson if value else 'null' }}" if known["nullable"] else _VALUE
    return {
        "p": "text",
        "max": min(known.get("maxLength", LONGEST_TEXT), LONGEST_TEXT),
        "value_template": f"{{{{ {_place(path)} or '' }}}}",
        "command_template": _order(path, value),
        **pattern,
    }


def _json_text(path: Path) -> Component:
    """What has no entity of its own kind is written as JSON."""
    return {
        "p": "text",
        "max": LONGEST_TEXT,
        "value_template": f"{{{{ {_place(path)} | tojson }}}}",
        "command_template": _order(path, _RAW),
    }


def _publisher() -> Component:
    return {
        "p": "binary_sensor",
        "name": "Publisher",
        "device_class": "connectivity",
        "value_template": "{{ 'ON' if value_json.publisher == 'connected' else 'OFF' }}",
    }


def _figure(key: str, known: Schema) -> Component:
    unit = {"unit_of_measurement": known["unit"]} if "unit" in known else {}
    return {
        "p": "sensor",
        "name": _words(key),
        "entity_category": "diagnostic",
        "state_class": "measurement",
        "expire_after": STALE_S,
        "value_template": _template((key,)),
        **unit,
    }


def _order(path: Path, value: str) -> str:
    """An order for one value, the value being a template."""
    order: Any = "@"
    for key in reversed(path):
        order = {key: order}
    return json.dumps(order).replace('"@"', value)


def _place(path: Path) -> str:
    return "value_json" + "".join(f"['{key}']" for key in path)


def _template(path: Path) -> str:
    return f"{{{{ {_place(path)} }}}}"


def _name(path: Path, known: Schema) -> str:
    own = known.get("label") or _words(path[-1])
    return f"{_words(path[-2])}: {own}" if path[0] == "params" else own


def _words(key: str) -> str:
    return key.replace("_", " ").capitalize()


def _fine_step(span: float) -> float:
    """A hundredth of the range, rounded down to 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(span / 100))
    digit = next(digit for digit in (5, 2, 1) if digit * power <= span / 100 * 1.0001)
    return float(f"{digit * power:.1g}")
