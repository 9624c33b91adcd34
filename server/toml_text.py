"""TOML text: options as a file: the default ones with their sentences, or those that hold.

`python -m omote.server.toml_text` prints `configs/default.toml`.
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omote.server.config import default_data
from omote.server.effective import Effective
from omote.server.options import KEYS, NOT_IN_ENVIRONMENT, Options, StageOptions, sentence, variable

WIDTH = 96
_HEAD = """\
Every key of Omote's configuration, with its default: omote serve --config FILE.
Flags win over the environment, that over the file. Paths begin at the file's folder.
"""
_STAGES = """\
A stage is an order that is given at each start: what it does not name stays as it was ordered last.
"""


def default_toml() -> str:
    """Every key with its sentence; what has no default is commented out."""
    options = Options()
    lines = [*_comment(_HEAD)]
    for key in KEYS:
        if key == "stages":
            continue
        named = "" if key in NOT_IN_ENVIRONMENT else f" Environment: {variable(key)}."
        lines += ["", *_comment(sentence(key) + named), _assignment(key, getattr(options, key))]
    lines += ["", *_comment(f"{sentence('stages')} {_STAGES}"), "# [stages.desk]"]
    for key, field in StageOptions.model_fields.items():
        lines += [*_comment(field.description or ""), f"# {key} = {_EXAMPLES[key]}"]
    return "\n".join(lines) + "\n"


_EXAMPLES = {
    "source": '"rtsp://camera/stream"',
    "effects": '["matte", "background"]',
    "params": '{ background = { mode = "blur", strength = 0.6 } }',
    "stage": "{ mirror = true }",
    "depth": "{ far_m = 1.5 }",
}


def effective_toml(found: Effective) -> str:
    """What holds, and at the end of each line where it came from; no secret is in it."""
    lines = ["# What holds, and where it came from. Passwords are left out."]
    for key in KEYS:
        if key == "stages":
            continue
        value = getattr(found.options, key)
        if key == "data" and not found.options.ephemeral:
            value = value or default_data()
        value = without_secret(value) if isinstance(value, str) else value
        lines.append(f"{_assignment(key, value)}  # {found.origins[key].words}")
    for name, stage in found.options.stages.items():
        lines += ["", f"[stages.{name}]  # {found.place('stages', name)}", *_stage(stage)]
    return "\n".join(lines) + "\n"


def without_secret(url: str) -> str:
    """A URL without its password and without what follows its `?`, which may hold a key."""
    shown = re.sub(r"((?:://|^turns?:)[^/@:]*):.*@", r"\1:***@", url)
    return re.sub(r"^([a-z]+://[^?]*\?).+$", r"\1***", shown)


def _stage(stage: StageOptions) -> Iterator[str]:
    for key, value in stage.model_dump(exclude_none=True, exclude_defaults=True).items():
        yield f"{key} = {_value(without_secret(value) if key == 'source' else value)}"


def _assignment(key: str, value: Any) -> str:
    return f'# {key} = ""' if value is None else f"{key} = {_value(value)}"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_value(k)} = {_value(v)}" for k, v in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    # What is left is written in TOML as in JSON.
    return json.dumps(str(value) if isinstance(value, Path) else value, ensure_ascii=False)


def _comment(words: str) -> list[str]:
    return [f"# {line}" for part in words.splitlines() for line in textwrap.wrap(part, WIDTH)]


if __name__ == "__main__":
    sys.stdout.write(default_toml())
