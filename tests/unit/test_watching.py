"""How a run is watched, where that is a matter of signals."""

from __future__ import annotations

import array
import fcntl
import signal
import subprocess
import sys
import termios
import time

from tests.command import environment

SCRIPT = """
from registry.cli.watching import Lines

watch = Lines()
with watch.working() as is_stopped:
    watch.say("a line " * 100_000)
    print(is_stopped())
"""


def waiting(pipe: int) -> int:
    """Bytes in a pipe that nobody has read."""
    size = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0]


def test_an_interrupt_in_the_middle_of_a_line_is_noted_and_the_run_goes_on() -> None:
    command, pipe = [sys.executable, "-c", SCRIPT], subprocess.PIPE
    process = subprocess.Popen(command, stdout=pipe, stderr=pipe, env=environment(None))
    assert process.stderr is not None
    before, now = -1, 0
    while not now or now != before:  # until the pipe is full, and the line waits for a reader
        before = now
        time.sleep(0.2)
        now = waiting(process.stderr.fileno())
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    out, err = process.communicate(timeout=30)

    assert (process.returncode, out) == (0, b"True\n"), err[-300:]
    notice = b"interrupted: what is in flight is finished; Ctrl-C again leaves at once\n"
    assert err.replace(notice, b"") == b"a line " * 100_000 + b"\n"
    assert notice in err
