"""FFmpeg's WHIP muxer as a process of its own: `python -m tests.muxer URL CERTIFICATE KEY [TOKEN]`.

It holds the GIL while it waits for the server, so it cannot be tried within the server's process.
Sends numbered pictures, 30 a second, until standard input ends; then it leaves with DELETE.
"""

import sys
import threading
from fractions import Fraction

import av

from tests.numbered import numbered

X264 = {"preset": "ultrafast", "tune": "zerolatency", "bf": "0", "g": "30"}


def main(url: str, certificate: str, key: str, token: str = "") -> None:
    """Publish until told to stop."""
    options = {"cert_file": certificate, "key_file": key}
    if token:
        options["authorization"] = token
    stop = threading.Event()
    threading.Thread(target=_wait, args=(stop,), daemon=True).start()
    with av.open(url, "w", format="whip", options=options) as container:
        stream = container.add_stream("libx264", rate=30, options=X264)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        stream.profile = "Baseline"
        number = 0
        while not stop.wait(1 / 30):
            video = numbered(number % 4096)
            video.pts, video.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(video))
            number += 1


def _wait(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


if __name__ == "__main__":
    main(*sys.argv[1:])
