"""What every test may use."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from omote.engines import effects
from omote.engines.effect import kinds
from tests import tints
from tests.effects.probe import Probe

# The same examples on every run; how long one takes depends on the machine and is no failure.
settings.register_profile("omote", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("omote")

# A shell's background job ignores SIGINT, and so would every program that a test starts and stops.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def tinted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The effects of `tests.tints`, and no others."""
    tints.forget()
    kinds = {kind.name: kind for kind in tints.ALL}
    for module in ("omote.engines.chain", "omote.server.orders"):
        monkeypatch.setattr(f"{module}.kinds", lambda: kinds)
    yield
    tints.Patient.go.set()  # nobody waits for ever


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Probe]]:
    """The effect of tests/effects, as the server finds any: a file in the folder of effects."""
    folder = str(Path(__file__).parent / "effects")
    monkeypatch.setattr(effects, "__path__", [*effects.__path__, folder])
    kinds.cache_clear()
    kind: type[Probe] = kinds()["probe"]  # type: ignore[assignment]
    kind.seen.clear()
    kind.made.clear()
    monkeypatch.setattr(kind, "broken", None)
    yield kind
    kinds.cache_clear()
