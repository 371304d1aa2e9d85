"""The frozen types of the settings: what a reviewed commit allows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Pins = Literal["required", "warn", "off"]


@dataclass(frozen=True)
class Policy:
    """`[tool.registry.policy]` and `[tool.registry.severity]`."""

    pins: Pins = "required"
    sources: tuple[str, ...] = ()  # URL prefixes; empty: only files in git
    docker_registries: Mapping[str, str] = field(default_factory=dict)  # TEAM of a password → registry host
    allow_loopback: bool = False  # http sources on 127.0.0.1, for tests and demos
    sas_hours: int = 24
    public_reads: bool = False
    severity: Mapping[str, str] = field(default_factory=dict)  # rule → error | warning | notice | off
