"""Puppet network: an operator's own net, which draws every face that has none of its own."""

import os
from pathlib import Path

from omote.engines.onnx import BrokenModel, load
from omote.engines.puppet import album
from omote.engines.puppet.network import contract
from omote.server.config import Misconfigured


def use_puppet_network(path: Path | None) -> None:
    """Have effects find it; raises `Misconfigured` if it does not keep to the contract."""
    if path is None:
        return
    if path.suffix != ".onnx":
        raise Misconfigured(f"puppet_network: {path} is no .onnx file")
    try:
        contract(load(str(path)))
    except (BrokenModel, ValueError) as exc:
        raise Misconfigured(f"puppet_network: {exc}") from exc
    os.environ[album.EVERYBODYS] = str(path.resolve())
