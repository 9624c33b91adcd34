"""Control: the one function that carries out orders, whatever transport brought them.

HTTP, WebSocket, data channel and MQTT hand it a message as it came and the name of who sent it, and
give its answer back. It never raises for what a client did.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from omote.server.face_report import read_report
from omote.server.orders import Error, Invalid
from omote.server.payload import NotAnOrder, json_object
from omote.server.protocols import Stage
from omote.server.rate import Rate

logger = logging.getLogger(__name__)

LONGEST_ID = 200
"Characters of an order's id."
MOST_WAITING = 32
"Orders that one stage has under way at once; one more is refused."
BREATHER_S = 0.05
"Seconds that whoever asks too often waits: for his answer over HTTP, else until more is read of him."
CURSORY = 4096
"Bytes up to which a message that is refused for being one too many is looked at for its id."

FACES_PER_S, FACE_BURST = 90.0, 60
"Faces that one client may tell of a second, and at once; no camera sees more."
COMPLAINTS_PER_S, COMPLAINT_BURST = 2.0, 10
"How often it is told that it told a face wrongly."

Order = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an order."""

    status: int
    "As over HTTP: 200, 400 no order, 413 too long, 422 refused, 429 too many, 500 our mistake."
    id: str | None = None
    "The order's own."
    state: Mapping[str, Any] | None = None
    "The stage's, once the order is carried out."
    errors: Sequence[Error] = ()

    @property
    def ok(self) -> bool:
        """Whether the order was carried out; if not, nothing has changed."""
        return self.status == 200

    def message(self) -> dict[str, Any]:
        """As it is sent back."""
        echo = {} if self.id is None else {"id": self.id}
        if self.ok:
            return {**echo, "ok": True, "state": self.state}
        return {**echo, "ok": False, "errors": list(self.errors)}


class Control:
    """Carries out orders: so many a second of each client, so many at once of each stage."""

    def __init__(self, per_s: float, burst: int) -> None:
        self._rate = Rate(per_s, burst)
        self._face_rate = Rate(FACES_PER_S, FACE_BURST)
        self._complaints = Rate(COMPLAINTS_PER_S, COMPLAINT_BURST)
        self._waiting: Counter[str] = Counter()

    async def carry_out(self, stage: Stage, payload: bytes | str, client: str) -> Answer:
        """Change a stage as a JSON merge patch says, whole or not at all."""
        return await self._carry_out(stage, payload, client, lambda order: order)

    async def take_scene(self, stage: Stage, payload: bytes | str, client: str) -> Answer:
        """Tell a stage what the camera says of the light: an order that has only a `scene`."""
        return await self._carry_out(stage, payload, client, _about_scene)

    def take_face(self, stage: Stage, payload: bytes | str, client: str) -> Answer | None:
        """Move a stage's puppet; None if all is well. Many come: see `may_complain`."""
        try:
            wait_s = self._face_rate.take(client)
            if wait_s > 0:
                raise NotAnOrder(429, f"more than {FACES_PER_S:g} faces a second")
            stage.tell_face(read_report(payload))
            return None
        except NotAnOrder as exc:
            return Answer(exc.status, errors=[_whole(str(exc))])
        except Invalid as exc:
            return Answer(422, errors=exc.errors)

    def may_complain(self, client: str) -> bool:
        """Whether to tell a client of a face that was refused: not of each, of thirty a second."""
        return self._complaints.take(client) == 0

    async def _carry_out(
        self, stage: Stage, payload: bytes | str, client: str, read: Callable[[Order], Order]
    ) -> Answer:
        await asyncio.sleep(0)  # media goes first, however many orders came in one packet
        try:
            self._admit(client)
            order = read(json_object(payload))
            echo = _id_of(order)
        except NotAnOrder as exc:
            return Answer(exc.status, cursory_id(payload), errors=[_whole(str(exc))])
        if self._waiting[stage.name] >= MOST_WAITING:
            return Answer(429, echo, errors=[_whole("too many orders wait for this stage")])
        self._waiting[stage.name] += 1
        try:
            return await self._ordered(stage, order, echo)
        finally:
            self._waiting[stage.name] -= 1

    def _admit(self, client: str) -> None:
        wait_s = self._rate.take(client)
        if wait_s > 0:
            raise NotAnOrder(429, f"too many orders; the next is welcome in {wait_s:.2f} s")

    async def _ordered(self, stage: Stage, order: Order, echo: str | None) -> Answer:
        try:
            return Answer(200, echo, await stage.order(order))
        except Invalid as exc:
            return Answer(422, echo, errors=exc.errors)
        except RecursionError:
            return Answer(400, echo, errors=[_whole("the order is nested too deeply")])
        except Exception:
            logger.exception("an order to stage %s failed", stage.name)
            words = "the server made a mistake; its log has the details"
            return Answer(500, echo, errors=[_whole(words)])


def cursory_id(payload: bytes | str) -> str | None:
    """The id of what was refused unread, where finding it is cheap."""
    if len(payload) > CURSORY:
        return None
    try:
        return _id_of(json_object(payload))
    except NotAnOrder:
        return None


def _id_of(order: Order) -> str | None:
    given = order.get("id")
    if given is not None and (not isinstance(given, str) or len(given) > LONGEST_ID):
        raise NotAnOrder(400, f"an order's id is text of at most {LONGEST_ID} characters")
    return given


def _about_scene(message: Order) -> Order:
    said = {key: value for key, value in message.items() if key != "id"}
    return {"scene": said, **({"id": message["id"]} if "id" in message else {})}


def _whole(words: str) -> Error:
    return {"at": "", "message": words}
