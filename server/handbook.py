"""Handbook: `/docs`, the HTTP interface as one page that loads nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

_METHODS = ("get", "put", "post", "patch", "delete")


def page(schema: Mapping[str, Any]) -> str:
    """An OpenAPI document as HTML."""
    info = schema["info"]
    rows = "".join(_rows(schema["paths"]))
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(info["title"])}: HTTP interface</title>
<link rel="stylesheet" href="/style.css">
<body class="docs">
<main>
<h1>{escape(info["title"])} {escape(info["version"])}</h1>
<p>{escape(info.get("description", ""))}
The same as <a href="/openapi.json">OpenAPI</a>.</p>
<table>
<thead><tr><th>Method</th><th>Path</th><th>What it does</th><th>Body</th></tr></thead>
<tbody>
{rows}</tbody>
</table>
</main>
</body>
</html>
"""


def _rows(paths: Mapping[str, Any]) -> Iterator[str]:
    for path, operations in paths.items():
        for method in _METHODS:
            if operation := operations.get(method):
                yield _row(method, path, operation)


def _row(method: str, path: str, operation: Mapping[str, Any]) -> str:
    types = operation.get("requestBody", {}).get("content", {})
    words = operation.get("description") or operation.get("summary", "")
    cells = (
        f"<code>{method.upper()}</code>",
        f"<code>{escape(path)}</code>",
        escape(words),
        ", ".join(f"<code>{escape(kind)}</code>" for kind in types),
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>\n"
