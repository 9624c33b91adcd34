"""Effective: the options that hold, of flags, environment, file and defaults, and whose they are."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from omote.server.config import Misconfigured
from omote.server.options import (
    KEYS,
    NOT_IN_ENVIRONMENT,
    Options,
    StageOptions,
    flag,
    variable,
)
from omote.server.toml_lines import line_of

RANKS = ("flag", "environment", "file", "default")
"Who wins, the first first."
SECRETS = "OMOTE_TOKENS"
FILES = [key for key, field in Options.model_fields.items() if field.annotation == Path | None]
"Keys that are paths; in a file they begin at its folder."


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from."""

    rank: int
    words: str


@dataclass(frozen=True, slots=True)
class File:
    """A configuration file, read."""

    path: Path
    text: str
    values: Mapping[str, Any]

    def line(self, *path: str) -> str:
        """Where a key is, in words."""
        number = line_of(self.text, path)
        return f"{self.path} line {number}" if number else str(self.path)


@dataclass(frozen=True, slots=True)
class Effective:
    """The options and, by key, where each came from."""

    options: Options
    origins: Mapping[str, Origin]
    file: File | None

    def outranks(self, key: str, other: str) -> bool:
        """Whether a key was said in a place that wins over the other's."""
        return self.origins[key].rank < self.origins[other].rank

    def place(self, *path: str) -> str:
        """Where a value is that cannot be used: file and line, or the flag."""
        origin = self.origins[path[0]]
        stages = self.file.values.get("stages", {}) if self.file else {}
        written = origin.rank == RANKS.index("file") or (path[1:2] and path[1] in stages)
        return self.file.line(*path) if self.file and written else origin.words


DEFAULT = Origin(RANKS.index("default"), "default")


def effective(
    flags: Mapping[str, Any], environment: Mapping[str, str], config: Path | None
) -> Effective:
    """Put them over each other; raises `Misconfigured` with place, reason and nearest name."""
    file = None if config is None else read(config)
    values: dict[str, Any] = dict(file.values) if file else {}
    origins = {key: DEFAULT for key in KEYS}
    if file is not None:
        origins |= {key: Origin(RANKS.index("file"), file.line(key)) for key in values}
    for key in KEYS:
        if key not in NOT_IN_ENVIRONMENT and environment.get(variable(key)):
            values[key] = environment[variable(key)]
            origins[key] = Origin(RANKS.index("environment"), variable(key))
    if environment.get(SECRETS):  # tokens themselves, instead of a file's
        values.pop("tokens", None)
        origins["tokens"] = Origin(RANKS.index("environment"), f"{SECRETS}, not shown")
    for key, value in flags.items():
        values[key] = _with_sources(values, value) if key == "stages" else value
        origins[key] = Origin(RANKS.index("flag"), "--source" if key == "stages" else flag(key))
    return Effective(_validated(values, origins, file), origins, file)


def read(path: Path) -> File:
    """A TOML file whose keys are all known; raises `Misconfigured`."""
    try:
        text = path.read_text()
        values = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"--config {path}: {getattr(exc, 'strerror', None) or exc}") from exc
    except tomllib.TOMLDecodeError as exc:
        raise Misconfigured(f"{path}: {exc}") from exc
    file = File(path, text, values)
    for where, names in _unknown(values):
        near = get_close_matches(where[-1], names, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
        raise Misconfigured(f"{file.line(*where)}: no key {where[-1]!r}; {hint}")
    return File(path, text, _beside(values, path.resolve().parent))


def _unknown(values: Mapping[str, Any]) -> Iterator[tuple[Sequence[str], list[str]]]:
    """Each key that there is not: its path, and the names there are."""
    for key in values:
        if key not in KEYS:
            yield (key,), list(KEYS)
    stages = values.get("stages")
    names = list(StageOptions.model_fields)
    for name, stage in stages.items() if isinstance(stages, dict) else ():
        for key in stage if isinstance(stage, dict) else ():
            if key not in names:
                yield ("stages", name, key), names


def _beside(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same with every relative path beginning at a folder."""
    found = dict(values)
    for key in FILES:
        if isinstance(found.get(key), str):
            found[key] = str(folder / Path(found[key]).expanduser())
    stages = found.get("stages")
    if isinstance(stages, dict):
        found["stages"] = {name: _source_beside(stage, folder) for name, stage in stages.items()}
    return found


def _source_beside(stage: Any, folder: Path) -> Any:
    source = stage.get("source") if isinstance(stage, dict) else None
    if not isinstance(source, str):
        return stage
    scheme, colon, rest = source.partition(":")
    name, mark, query = rest.partition("?")
    if not colon:
        return {**stage, "source": str(folder / source)}
    if scheme == "test" and (folder / name).is_file():
        return {**stage, "source": f"test:{folder / name}{mark}{query}"}
    return stage


def _with_sources(values: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, Any]:
    """The file's stages with the sources of --source in them."""
    stages = dict(values.get("stages", {}))
    for name, url in sources.items():
        stages[name] = {**stages.get(name, {}), "source": url}
    return stages


def _validated(
    values: Mapping[str, Any], origins: Mapping[str, Origin], file: File | None
) -> Options:
    try:
        return Options.model_validate(values)
    except ValidationError as exc:
        error = exc.errors()[0]
        path = tuple(str(part) for part in error["loc"] if part != "[key]")
        origin = origins[path[0]]
        in_file = file is not None and origin.rank == RANKS.index("file")
        where = file.line(*path) if file and in_file else origin.words
        raise Misconfigured(f"{where}: {'.'.join(path)}: {_words(error['msg'])}") from exc


def _words(message: str) -> str:
    return message[:1].lower() + message[1:]
