"""What every test may use."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path

import pytest
import pytest_asyncio
from hypothesis import settings
from playwright.async_api import Browser, Page

from omote.engines import effects
from omote.engines.effect import kinds
from tests import tints
from tests.chromium import chromium
from tests.effects.probe import Probe
from tests.test_serve import omote
from tests.visit import man_before_a_wall, opened

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


# The page: a module's tests share a browser and a server, and each has a stage of its own. They
# have to run in one loop: `pytestmark = pytest.mark.asyncio(loop_scope="module")`.

stage_numbers = count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """Chromium with a man before a wall as its camera."""
    async with chromium(await asyncio.to_thread(man_before_a_wall)) as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[str]:
    """The address of a server."""
    async with omote("--port", "0", "--ephemeral") as server:
        yield await server.address()


@pytest.fixture
def url(site: str) -> str:
    """The address of the page of a stage that is nobody else's."""
    return f"{site}?stage=desk-{next(stage_numbers)}"


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, url: str) -> AsyncIterator[Page]:
    """That page."""
    async with opened(browser, url) as page:
        yield page
