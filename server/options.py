"""Options: flags of `omote serve` that have more to say than fits beside them."""

from pathlib import Path
from typing import Annotated

import typer

MqttOption = Annotated[
    str,
    typer.Option(
        metavar="URL|embedded|off",
        envvar="OMOTE_MQTT",
        help="MQTT broker: one of our own on the loopback address, none, or"
        " mqtt://USER:PASSWORD@HOST:PORT, mqtts:// for TLS.",
    ),
]
MqttCaOption = Annotated[
    Path | None, typer.Option(metavar="PEM", help="Who signed the broker's certificate.")
]
MqttCertOption = Annotated[
    Path | None, typer.Option(metavar="PEM", help="Our certificate, for a broker that wants one.")
]
MqttKeyOption = Annotated[Path | None, typer.Option(metavar="PEM", help="Its key.")]
MqttPrefixOption = Annotated[
    str, typer.Option(metavar="WORD", help="What every MQTT topic begins with.")
]
HomeAssistantOption = Annotated[
    bool, typer.Option("--home-assistant", help="Announce every stage to Home Assistant.")
]
