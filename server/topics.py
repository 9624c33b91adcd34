"""Topics: the names under which everything goes over MQTT."""

from dataclasses import dataclass

from omote.server.stages import NAME

LONGEST_PREFIX = 200


@dataclass(frozen=True, slots=True)
class Topics:
    """Every topic begins with a prefix, `omote` unless told otherwise."""

    prefix: str

    def __post_init__(self) -> None:
        """Raise ValueError for a prefix that no topic can begin with (MQTT 3.1.1, section 4.7)."""
        levels = self.prefix.split("/")
        if len(self.prefix) > LONGEST_PREFIX or not all(levels) or self.prefix.startswith("$"):
            raise ValueError(f"{self.prefix!r} is no topic prefix: words with / between them")
        if not self.prefix.isprintable() or set("+#") & set(self.prefix):
            raise ValueError(f"{self.prefix!r} is no topic prefix: + and # have a meaning in MQTT")

    @property
    def available(self) -> str:
        """Where the server says that it is there."""
        return f"{self.prefix}/available"

    def of(self, stage: str, what: str) -> str:
        """One stage's topic; a stage of `+` makes it a filter for all of them."""
        return f"{self.prefix}/{stage}/{what}"

    def read(self, topic: str) -> tuple[str, str] | None:
        """Stage and what it is about, of a topic of ours; None of any other."""
        if not topic.startswith(f"{self.prefix}/"):
            return None
        stage, _, what = topic.removeprefix(f"{self.prefix}/").partition("/")
        return (stage, what) if NAME.fullmatch(stage) else None
