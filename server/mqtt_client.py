"""MQTT client: aiomqtt with what it lacks in version 2.5."""

import asyncio
import logging
from secrets import token_hex
from typing import Self

from aiomqtt import Client, Will

from omote.server.broker_address import BrokerAddress
from omote.server.inbox import Inbox
from omote.server.topics import Topics

KEEPALIVE_S = 15
"Seconds of silence after which broker and we ask each other whether somebody is there."
PATIENCE_S = 5.0
"Seconds that one exchange with the broker may take."
MOST_UNREAD = 1000
"Messages that wait to be read; more are thrown away and reported."


class MqttClient(Client):
    """One connection: its inbox is bounded, and it hangs up on a broker that never answers."""

    def __init__(self, address: BrokerAddress, topics: Topics) -> None:
        own = logging.getLogger(__name__)
        own.setLevel(logging.CRITICAL)  # acknowledgements that come late are not our errors
        super().__init__(
            address.host,
            address.port,
            username=address.username,
            password=address.password,
            tls_context=address.tls,
            identifier=f"omote{token_hex(6)}",
            will=Will(topics.available, b"offline", qos=1, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=PATIENCE_S,
            max_queued_incoming_messages=MOST_UNREAD,
            queue_type=Inbox,
            logger=own,
        )

    @property
    def inbox(self) -> Inbox:
        """What has come and waits to be read."""
        assert isinstance(self._queue, Inbox)
        return self._queue

    async def __aenter__(self) -> Self:
        """Connect; raises `MqttError`."""
        try:
            return await super().__aenter__()
        except BaseException:
            self._connected = asyncio.Future()  # a cancelled one makes the goodbye fail
            self._client.disconnect()
            raise
