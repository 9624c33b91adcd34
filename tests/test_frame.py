"""Frame: values that never change."""

from dataclasses import FrozenInstanceError, replace

import pytest

from omote.streams.encoder import CLOCK
from omote.streams.frame import Frame, Scene, VideoPicture
from tests.utils import frames, picture


def test_a_frame_never_changes_an_effect_returns_another() -> None:
    frame = frames(1)[0]
    with pytest.raises(FrozenInstanceError):
        frame.pts = 1  # type: ignore[misc]
    other = replace(frame, index=7)
    assert (other.index, frame.index) == (7, 0)
    assert other.picture is frame.picture


def test_a_frame_knows_nothing_that_nobody_told_it() -> None:
    frame = Frame(VideoPicture(picture(0)), pts=0, time_base=CLOCK, arrived=0.0, index=0)
    assert (frame.depth, frame.matte, frame.faces, dict(frame.views)) == (None, None, (), {})
    assert frame.scene == Scene(origin="none")


def test_frames_do_not_share_their_inspection_pictures() -> None:
    one, two = frames(2)
    assert one.views is not two.views


def test_a_frame_is_itself_and_no_other() -> None:
    """Comparing by value would compare pixels."""
    frame = frames(1)[0]
    assert frame != replace(frame)
    assert len({frame, replace(frame)}) == 2


def test_an_unopened_picture_tells_its_size_before_it_is_turned() -> None:
    lying = VideoPicture(picture(0, 320, 240), rotation=90)
    assert (lying.width, lying.height) == (320, 240)
