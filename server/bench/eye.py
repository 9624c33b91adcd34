"""Eye: a viewer in the bench's own process that notes how bright one corner of each picture is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from av import VideoFrame

from omote.clients import marks, signalling
from omote.clients.publisher import only
from omote.clients.subscriber import Notes, Subscriber

SPOT = 8
"The corner's sides are this part of the picture's."
MIDDLE = 128


class Corner(Notes):
    """Notes the top right corner, where neither heads nor marks are."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[float, bool]] = []
        "`time.monotonic()` when a picture could be shown, and whether its corner is bright."

    def picture(self, video: VideoFrame, timestamp: int) -> None:
        """A picture that could be shown now."""
        super().picture(video, timestamp)
        luma = marks.luma_of(video)
        height, width = luma.shape
        corner = luma[: height // SPOT, width - width // SPOT :]
        self.seen.append((self.shown[-1][1], bool(corner.mean() > MIDDLE)))


@asynccontextmanager
async def watching(url: str) -> AsyncIterator[Corner]:
    """Watch a stage for as long as the block runs."""
    subscriber = Subscriber("decode", only("H264"), audio=False)
    subscriber.notes = corner = Corner()
    async with signalling.session(url, subscriber.connection):
        try:
            yield corner
        finally:
            await subscriber.close()
