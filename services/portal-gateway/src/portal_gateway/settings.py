"""The portal gateway's configuration: the same few settings that every gateway needs."""

from gatekit.settings import GateSettings as Settings

__all__ = ["Settings"]
