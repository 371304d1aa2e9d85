"""Groups of commands that load a command when it is asked for, so that `--help` costs nothing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Commands with the first sentence of their help; each is the one of its name in its module in `package`."""

    def __init__(self, *arguments: Any, package: str, listed: Mapping[str, str], **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._package = package
        self._listed = listed

    def list_commands(self, _: click.Context) -> list[str]:
        return list(self._listed)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._listed:
            return None
        command: click.Command = getattr(importlib.import_module(f"{self._package}.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._listed.items()))
