"""The service: HTTP, WHIP and WHEP signalling, stages, control, metrics, commands."""
