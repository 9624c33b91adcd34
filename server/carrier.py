"""Carrier: what brings MQTT messages, put together as the configuration says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from omote.server.broker import Broker
from omote.server.broker_address import BrokerAddress
from omote.server.config import Config, Misconfigured
from omote.server.control import Control
from omote.server.discovery import Discovery
from omote.server.mqtt import Mqtt
from omote.server.stages import Stages
from omote.server.topics import Topics
from omote.server.workshop import MqttStatus


def check(config: Config) -> None:
    """Raise `Misconfigured` for what `carrier` could not do."""
    _topics(config)
    if config.mqtt == "off" and config.home_assistant:
        raise Misconfigured("--home-assistant goes over MQTT, so --mqtt off does not fit")
    if config.mqtt not in ("off", "embedded"):
        _address(config)


@asynccontextmanager
async def carrier(config: Config, stages: Stages, control: Control) -> AsyncIterator[Mqtt | None]:
    """The broker while the block runs, if it is ours, and what connects to it, still to be entered."""
    if config.mqtt == "off":
        yield None
    elif config.mqtt == "embedded":
        async with Broker(config.tokens) as broker:
            yield _mqtt(broker.address, config, stages, control)
    else:
        yield _mqtt(_address(config), config, stages, control)


def _mqtt(address: BrokerAddress, config: Config, stages: Stages, control: Control) -> Mqtt:
    def note(status: MqttStatus) -> None:
        stages.workshop.mqtt = status

    topics = _topics(config)
    discovery = Discovery(topics, version("omote")) if config.home_assistant else None
    return Mqtt(address, topics, stages, control, discovery, note)


def _topics(config: Config) -> Topics:
    try:
        return Topics(config.mqtt_prefix)
    except ValueError as exc:
        raise Misconfigured(f"--mqtt-prefix: {exc}") from exc


def _address(config: Config) -> BrokerAddress:
    return BrokerAddress.read(config.mqtt, config.mqtt_ca, config.mqtt_cert, config.mqtt_key)
