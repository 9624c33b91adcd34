"""Who may import whom, and what a wheel must hold: tests that read the repository itself."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "streams": {"streams"},
    "engines": {"streams", "engines"},
    "server": {"streams", "engines", "server"},
    "clients": {"streams", "clients"},
}


def modules() -> list[Path]:
    return [path for layer in MAY_IMPORT for path in sorted((ROOT / layer).rglob("*.py"))]


def imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


def allowed(path: Path) -> set[str]:
    """A bench sets up a server and its clients, so it alone may know both."""
    layer, *inner = path.relative_to(ROOT).parts
    return MAY_IMPORT[layer] | ({"clients"} if inner[0] == "bench" else set())


def test_a_layer_imports_only_itself_and_those_below() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules()
        for name in imports(path)
        if name.startswith("omote.") and name.split(".")[1] not in allowed(path)
    ]
    assert wrong == []


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(("omote", *(part for part in parts if part != "__init__")))


def test_imports_have_no_cycles() -> None:
    known = {module_name(path): path for path in modules()}
    reaches = {
        name: {
            target
            for wanted in imports(path)
            for target in (wanted, wanted.rpartition(".")[0])
            if target in known and target != name and not name.startswith(target + ".")
        }
        for name, path in known.items()
    }
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, f"cycle: {' -> '.join((*way, name))}"
        if name in done:
            return
        for target in reaches[name]:
            visit(target, (*way, name))
        done.add(name)

    for name in known:
        visit(name, ())


def test_every_folder_of_code_is_among_the_packages() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert sorted(listed) == sorted(
        {module_name(path.parent / "__init__.py") for path in modules()}
    )


def test_the_wheel_holds_every_module_the_page_and_the_weights(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"omote/{path.relative_to(ROOT)}" for path in modules()}
    wanted |= {f"omote/{path.relative_to(ROOT)}" for path in ROOT.glob("clients/web/*")}
    wanted |= {f"omote/{path.relative_to(ROOT)}" for path in ROOT.glob("engines/weights/*.onnx")}
    wanted |= {f"omote/{layer}/py.typed" for layer in MAY_IMPORT}
    assert wanted - held == set()
