"""Cases of `omote bench depth`; each in a file of its own."""

from omote.server.bench.depth.alignment import alignment
from omote.server.bench.depth.codec import codec
from omote.server.bench.depth.fusion import fusion
from omote.server.bench.depth.live import live
from omote.server.bench.depth.result import Case
from omote.server.bench.depth.stereo import stereo
from omote.server.bench.depth.synchronisation import synchronisation
from omote.server.bench.depth.transport import transport

CASES: dict[str, Case] = {
    "alignment": alignment,
    "synchronisation": synchronisation,
    "fusion": fusion,
    "stereo": stereo,
    "codec": codec,
    "transport": transport,
    "live": live,
}
QUICK = ("alignment", "synchronisation", "fusion", "stereo", "codec")
"What is done when nothing is chosen."
