"""The depth receiver under atheris, for a minute."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from omote.streams.depth import Hello
from omote.streams.depth_codec import DepthCodec
from omote.streams.depth_hello import hello_text
from omote.streams.depth_message import RVL_ZSTD, Header, split

SECONDS = 60


def seeds(folder: Path) -> None:
    """What a good sender says, for the fuzzer to begin with."""
    codec, steps = DepthCodec(), np.arange(48, dtype=np.uint16).reshape(6, 8)
    for number in range(4):
        payload = codec.encode(steps, None, number)
        (folder / f"payload{number}").write_bytes(bytes([number, 0]) + payload)
        header = Header(RVL_ZSTD, 0, 1, 8, 6, 0.001, number, 0, len(payload), 2)
        for part, message in enumerate(split(header, payload)):
            (folder / f"message{number}-{part}").write_bytes(message)
    (folder / "hello").write_text(hello_text(Hello("video", {"version": 1}, (0.001, 0.002), "a")))


@pytest.mark.slow
def test_a_minute_of_foreign_bytes_is_refused_or_decoded(tmp_path: Path) -> None:
    seeds(tmp_path)
    command = [sys.executable, "-m", "tests.fuzz_depth", f"-max_total_time={SECONDS}"]
    options = ["-rss_limit_mb=1024", "-max_len=4096", f"-artifact_prefix={tmp_path}/"]
    ran = subprocess.run(
        [*command, *options, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS * 5,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "Done" in ran.stderr
