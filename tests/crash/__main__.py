"""The whole crash matrix, as a table with a verdict; exit 1 where a kill left something else behind."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.azurite import Azurite
from tests.crash.matrix import a_matrix


def main() -> int:
    """Kill before and after each request."""
    write = sys.stdout.write
    with ExitStack() as stack:
        azurite = stack.enter_context(Azurite().running())
        folder = Path(stack.enter_context(TemporaryDirectory()))
        matrix = stack.enter_context(a_matrix(folder, azurite, jobs=os.cpu_count() or 1))
        kills, bad = matrix.at_each_request(), 0
        for kill, problems in matrix.verdicts(kills):
            bad += bool(problems)
            write(f"{'; '.join(problems) or 'ok'}  {kill}\n")
            sys.stdout.flush()
    write(f"\n{'failed' if bad else 'ok'}: {bad} of {len(kills)} kills left something else than an undisturbed run\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
