"""Handbook: `/docs`, the HTTP interface as one page that loads nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

_METHODS = ("get", "put", "post", "patch", "delete")
Operation = Mapping[str, Any]


def page(schema: Mapping[str, Any]) -> str:
    """An OpenAPI document as HTML, its operations under their tags."""
    info = schema["info"]
    parts = groupby(_operations(schema["paths"]), key=lambda row: row[2]["tags"][0])
    tables = "\n".join(_table(tag, rows) for tag, rows in parts)
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(info["title"])}: HTTP interface</title>
<link rel="icon" href="/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/style.css">
<link rel="stylesheet" href="/handbook.css">
<body>
<article>
<h1>{escape(info["title"])} {escape(info["version"])}</h1>
<p>{escape(info.get("description", ""))}
For programs the same is at <a href="/openapi.json">/openapi.json</a>.</p>
{tables}
</article>
</body>
</html>
"""


def _operations(paths: Mapping[str, Any]) -> Iterator[tuple[str, str, Operation]]:
    for path, operations in paths.items():
        for method in _METHODS:
            if operation := operations.get(method):
                yield method, path, operation


def _table(tag: str, rows: Iterator[tuple[str, str, Operation]]) -> str:
    lines = "\n".join(_row(*row) for row in rows)
    return f"<h2>{escape(tag)}</h2>\n<table>\n{lines}\n</table>"


def _row(method: str, path: str, operation: Operation) -> str:
    types = operation.get("requestBody", {}).get("content", {})
    words = escape(operation.get("description") or operation.get("summary", ""))
    body = ", ".join(f"<code>{escape(kind)}</code>" for kind in types)
    takes = f"<small>takes {body}</small>" if body else ""
    call = f"<code>{method.upper()}</code> <code>{escape(path)}</code>"
    return f"<tr><th scope=row>{call}</th><td>{words} {takes}</td></tr>"
