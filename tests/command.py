"""The installed command, run as users run it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.build import IDENTITY

SCRIPT = Path(sys.executable).with_name("registry")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


def environment(env: dict[str, str] | None) -> dict[str, str]:
    """An environment of its own, into which nothing of ours is inherited."""
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, **IDENTITY, "PYTHONWARNINGS": "error", "COLUMNS": "100", **(env or {})}


def started(
    folder: Path, *arguments: str, env: dict[str, str] | None = None, output: int | IO[str] = subprocess.PIPE
) -> subprocess.Popen[str]:
    """`registry`, running, with pipes or a file for what it says; it can be interrupted."""
    return subprocess.Popen(
        [str(SCRIPT), *arguments],
        cwd=folder,
        env=environment(env),
        stdout=output,
        stderr=output,
        text=True,
        # A shell that starts the tests in the background lets its children ignore interrupts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def registry(
    folder: Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    timeout: float = 120,
    limits: Mapping[int, int] | None = None,
) -> Done:
    """Run `registry` in a folder with an environment of its own, and with limits of `resource` by their numbers."""

    def limit() -> None:
        for number, most in (limits or {}).items():
            resource.setrlimit(number, (most, most))

    done = subprocess.run(
        [str(SCRIPT), *arguments],
        cwd=folder,
        env=environment(env),
        capture_output=True,
        text=True,
        timeout=timeout,
        preexec_fn=limit if limits else None,
    )
    return Done(done.returncode, done.stdout, done.stderr)
