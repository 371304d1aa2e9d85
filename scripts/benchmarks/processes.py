"""What a process takes: wall time, processors, and the peak of its own memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Time(NamedTuple):
    """What a tool took: seconds of wall time, then of processors, and the peak of memory in MiB."""

    copying: float
    again: float
    reading: float = 0.0  # back what was copied; not in `copying`
    bare: float = 0.0  # the same as a download and nothing else
    processors: float = 0.0
    memory: float = 0.0


class Done(NamedTuple):
    """What one process took."""

    seconds: float
    processors: float
    memory: float


def timed(command: list[str], folder: Path, environment: Mapping[str, str]) -> Done:
    """What a command takes, which has to end well."""
    with tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        memory = 0.0
        while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
            memory = max(memory, peak_of(process.pid))
            time.sleep(0.005)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        if process.returncode:
            output.seek(0)
            said = output.read().decode(errors="replace")[-4000:]
            sys.exit(f"error: {Path(command[0]).name} ended with {process.returncode}\n{said}")
    return Done(seconds, ended[2].ru_utime + ended[2].ru_stime, memory)


def peak_of(process: int) -> float:
    """The peak of a process's own memory up to now, in MiB; what `wait4` says counts what it was forked from too."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    lines = dict(line.split(":", 1) for line in status.splitlines())
    return int(lines.get("VmHWM", "0 kB").split()[0]) / 1024


def environment(**more: str) -> dict[str, str]:
    """What a command sees of ours: no settings of the one who measures."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
    return {**kept, "HOME": "/nonexistent", **more}


def told(copy: Done, again: Done) -> Time:
    """The times of a tool that reads nothing back."""
    return Time(copy.seconds, again.seconds, 0.0, 0.0, copy.processors, copy.memory)
