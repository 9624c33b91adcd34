"""TOML lines: in which line of a file a key is, which Python's own reader does not say."""

import re
from collections.abc import Iterator, Sequence

_HEADER = re.compile(r"\s*\[\[?([^\[\]]+)\]\]?\s*(?:#.*)?")
_ASSIGNMENT = re.compile(
    r"\s*((?:[\w-]+|\"[^\"]*\"|'[^']*')(?:\s*\.\s*(?:[\w-]+|\"[^\"]*\"))*)\s*="
)
_WORD = re.compile(r"[\w-]+|\"[^\"]*\"|'[^']*'")


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line, counted from 1, of a key; of what holds it, where it is in an inline table."""
    found: tuple[int, int] | None = None
    for number, here in _keys(text):
        depth = len(here)
        if tuple(path[:depth]) == here and (found is None or depth > found[0]):
            found = depth, number
    return found[1] if found else None


def _keys(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            table = _words(header[1])
            yield number, table
        elif assignment := _ASSIGNMENT.match(line):
            yield number, (*table, *_words(assignment[1]))


def _words(dotted: str) -> tuple[str, ...]:
    return tuple(word.strip("\"'") for word in _WORD.findall(dotted))
