"""Keyframe: telling one from its bytes, VP8 frames and Annex B H.264 pictures alike."""

from collections.abc import Iterator

SLICE, IDR, EXTRA, SPS, DELIMITER = 1, 5, 6, 7, 9
"NAL unit types (ITU-T H.264, table 7-1)."


def is_keyframe(data: bytes) -> bool:
    """Whether a VP8 frame (RFC 6386, 9.1) or Annex B H.264 picture can be decoded by itself.

    Parameter sets alone count too; before a picture that is none they do not make it one.
    """
    units = list(nal_units(data))
    return is_vp8_keyframe(data) or IDR in units or (SPS in units and SLICE not in units)


def is_vp8_keyframe(data: bytes) -> bool:
    """By the frame tag and the start code behind it."""
    return data[3:6] == b"\x9d\x01\x2a" and not data[0] & 1


def nal_units(data: bytes) -> Iterator[int]:
    """Types of an Annex B picture's NAL units up to its first slice (RFC 6184, table 1)."""
    at = data.find(b"\x00\x00\x01", 0, 4)
    while 0 <= at < len(data) - 3:
        kind = data[at + 3] & 0x1F
        yield kind
        if kind in (SLICE, IDR):
            return
        at = data.find(b"\x00\x00\x01", at + 3)


def may_begin_keyframe(data: bytes) -> bool:
    """Whether a keyframe may begin with this packet, if a frame does."""
    return is_vp8_keyframe(data) or next(nal_units(data), None) in (IDR, EXTRA, SPS, DELIMITER)


def must_begin_frame(data: bytes) -> bool:
    """Whether that is so although nothing is known of the packet before.

    A slice does not say: parameter sets or other slices may have been lost before it.
    """
    return is_vp8_keyframe(data) or next(nal_units(data), None) in (SPS, DELIMITER)
