"""What happens to a frame: models, full-size pixels, effects."""

import os

# ONNX Runtime's wheels report to their maker unless this is set before they are imported; importing
# any engine comes through here first. A server that people host themselves tells nobody.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
