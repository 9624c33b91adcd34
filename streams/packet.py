"""Packet: coded data from or for PyAV. Its stubs make the class generic, the class itself is not."""

from typing import TYPE_CHECKING, Any

from av.packet import Packet as AvPacket

if TYPE_CHECKING:
    Packet = AvPacket[Any]
else:
    Packet = AvPacket
