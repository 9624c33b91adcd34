"""Machine: what the figures were taken on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = (
    "omote",
    "aiortc",
    "aioice",
    "av",
    "numpy",
    "onnxruntime",
    "opencv-contrib-python-headless",
)


def machine() -> dict[str, Any]:
    """Processor, cores, versions, and how busy it is before the bench begins."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in PACKAGES},
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }


def processor() -> str:
    """Its model, as Linux knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
