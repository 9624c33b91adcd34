"""Message: what is said over the wire, exactly."""

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Says all of its keys and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)
