"""Pair: two films of a stereo camera, played as one whose pictures hold left and right side by side."""

from pathlib import Path

from omote.streams.medium import Medium, SourceError


def pair(url: str) -> Medium:
    """`pair:LEFT|RIGHT`, two paths; both films of one size and rate. Raises `SourceError`."""
    left, _, right = url.partition(":")[2].partition("|")
    for path in (left, right):
        if not Path(path).is_file():
            raise SourceError(f"{url}: no file {path!r}; write pair:LEFT|RIGHT, two paths")
    films = ";".join(
        f"movie=filename={_quoted(str(Path(path).resolve()))}[{side}]"
        for side, path in (("left", left), ("right", right))
    )
    graph = f"{films};[left][right]hstack,format=yuv420p[out0]"
    advice = "are both films of one size?"
    return Medium(graph, f"{left} and {right}", advice, "lavfi", recorded=True)


def _quoted(path: str) -> str:
    """As FFmpeg reads it in a graph of filters: once as an option's value, once as part of the graph."""
    return _escaped(_escaped(path, "\\':"), "\\'[],;")


def _escaped(text: str, special: str) -> str:
    return "".join("\\" + each if each in special else each for each in text)
