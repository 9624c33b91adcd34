"""Layers: who may import whom, and what is in the package that people install."""

import ast
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = ("streams", "engines", "server", "clients")
MAY_IMPORT = {
    "streams": {"streams"},
    "engines": {"streams", "engines"},
    "server": {"streams", "engines", "server"},
    "clients": {"streams", "clients"},
}
BENCH = "server/bench"
"It drives the clients, so it alone stands above them, too."
OPTIONAL = {
    "resource",
    "uvloop",
    "tensorrt",
    "pycuda",
    "pyvirtualcam",
    "omote.server.bench.chromium",
    "omote.server.bench.puppet.judges",
    "omote.clients.order_mqtt",
    "omote.engines.training",
}
"Heavy, or not on every system: imported where the one place that needs them is."


def modules() -> Iterator[Path]:
    for layer in LAYERS:
        yield from sorted((ROOT / layer).rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("omote", *parts)).removesuffix(".__init__")


def imports(tree: ast.AST) -> Iterator[str]:
    """Dotted names of every import; of `from a import b` also `a.b`, which may be a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def test_each_layer_imports_only_what_is_below_it() -> None:
    wrong = []
    for path in modules():
        layer = path.relative_to(ROOT).parts[0]
        allowed = MAY_IMPORT[layer] | ({"clients"} if relative(path).startswith(BENCH) else set())
        for name in imports(tree_of(path)):
            parts = name.split(".")
            if parts[0] == "omote" and len(parts) > 1 and parts[1] not in allowed:
                wrong.append(f"{relative(path)}: {name}")
    assert wrong == []


def test_no_product_module_knows_of_the_bench_or_the_tests() -> None:
    wrong = [
        f"{relative(path)}: {name}"
        for path in modules()
        if not relative(path).startswith((BENCH, "server/cli.py"))
        for name in imports(tree_of(path))
        if name.startswith(("omote.server.bench", "tests"))
    ]
    assert wrong == []


def test_every_import_is_absolute() -> None:
    wrong = [
        relative(path)
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert wrong == []


def test_no_import_is_hidden_in_a_function_but_of_what_is_optional() -> None:
    hidden = []
    for path in modules():
        for function in ast.walk(tree_of(path)):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                hidden += [
                    f"{relative(path)}: {name}"
                    for name in imports(function)
                    if not any(f"{name}.".startswith(f"{allowed}.") for allowed in OPTIONAL)
                ]
    assert hidden == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    known = {name_of(path): path for path in modules()}
    below = {
        name: {
            found
            for found in imports(tree_of(path))
            if found in known and not f"{name}.".startswith(f"{found}.")  # nor a package of it
        }
        for name, path in known.items()
    }
    while leaves := {name for name, others in below.items() if not others}:
        below = {n: others - leaves for n, others in below.items() if n not in leaves}
    assert below == {}


def package_of(path: Path) -> str:
    return ".".join(("omote", *path.relative_to(ROOT).parts))


def test_every_folder_of_code_is_listed_as_a_package() -> None:
    folders = {package_of(path.parent) for path in modules()}
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(folders)
    assert all((ROOT / layer / "py.typed").exists() for layer in LAYERS)


def test_editors_and_mypy_find_every_layer() -> None:
    for layer in LAYERS:
        link = ROOT / "typings" / "omote" / layer
        assert link.is_symlink() and link.resolve() == ROOT / layer


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """A wheel built from a copy, so that nothing is left in the working tree."""
    copy = tmp_path_factory.mktemp("source")
    for layer in LAYERS:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / layer, copy / layer, ignore=ignored)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", "."]
    built = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    [path] = (copy / "dist").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


def test_the_wheel_holds_every_module_the_page_and_the_weights(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    files = [
        *modules(),
        *(ROOT / "clients" / "web").iterdir(),
        *(ROOT / "engines" / "weights").glob("*.onnx"),
        *(ROOT / layer / "py.typed" for layer in LAYERS),
    ]
    missing = {f"omote/{relative(file)}" for file in files} - held
    assert missing == set()
    assert any(name.endswith("selfie_square.onnx") for name in held)
    assert any(name.endswith("index.html") for name in held)


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    strange = [
        name
        for name in wheel.namelist()
        if not name.startswith("omote/") and ".dist-info/" not in name
    ]
    assert strange == []
    assert not any("/tests/" in name or name.endswith(".pyc") for name in wheel.namelist())


def test_the_wheel_has_its_licence_and_its_command(wheel: zipfile.ZipFile) -> None:
    held = {
        name.split(".dist-info/")[1]: name for name in wheel.namelist() if ".dist-info/" in name
    }
    assert "licenses/LICENSE" in held
    assert b"omote = omote.server.cli:main" in wheel.read(held["entry_points.txt"])
    assert b"License-Expression: Apache-2.0" in wheel.read(held["METADATA"])
