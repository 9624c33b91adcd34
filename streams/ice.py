"""ICE: the STUN or TURN server through which others reach this machine (RFC 8489, RFC 8656).

Behind a router that lets nobody in, a relayed address of ours is enough: whoever watches or publishes
needs none of his own.
"""

import re

from aiortc import RTCIceServer

FORM = re.compile(
    r"(?P<scheme>stun|turns?):((?P<user>[^:@\s]+):(?P<password>[^@\s]+)@)?"
    r"(?P<place>(\[[0-9a-fA-F:]+\]|[^\[\]:?@\s]+)(:\d{1,5})?)(?P<way>\?transport=(udp|tcp))?"
)
HOW = "write stun:HOST:PORT, or turn:USER:PASSWORD@HOST:PORT with ?transport=tcp where it is wanted"


def ice_server(url: str) -> RTCIceServer:
    """A server of its URL, as RFC 7064 and RFC 7065 have it, with user and password before the `@`.

    Raises `ValueError` for anything else, without the password in it.
    """
    read = FORM.fullmatch(url)
    if read is None:
        raise ValueError(HOW)
    of = read.groupdict()
    relays = of["scheme"] != "stun"
    if relays != bool(of["user"]) or (of["way"] and not relays):
        raise ValueError(f"a TURN server wants a user, a STUN server none: {HOW}")
    if of["scheme"] == "turns" and of["way"] == "?transport=udp":
        raise ValueError("turns: goes over TCP: leave ?transport=udp away")
    place = f"{of['scheme']}:{of['place']}{of['way'] or ''}"
    return RTCIceServer(place, username=of["user"], credential=of["password"])
