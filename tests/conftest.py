"""What every test may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from omote.engines import effects
from omote.engines.effect import kinds
from tests.effects.probe import Probe

# The same examples on every run; how long one takes depends on the machine and is no failure.
settings.register_profile("omote", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("omote")


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
