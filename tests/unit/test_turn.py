"""Who of several threads and processes writes to one SQLite file next."""

from __future__ import annotations

import threading
from contextlib import closing
from pathlib import Path

from registry.server.records.turn import Turn


def test_of_two_processes_one_waits_for_the_other(tmp_path: Path) -> None:
    with closing(Turn(tmp_path / "a.db", 30)) as first, closing(Turn(tmp_path / "a.db", 30)) as second:
        order: list[str] = []

        def write() -> None:
            with second.taken():
                order.append("second")

        with first.taken():
            other = threading.Thread(target=write)
            other.start()
            other.join(0.1)
            order.append("first")
        other.join(10)
    assert order == ["first", "second"]


def test_who_waits_too_long_goes_on(tmp_path: Path) -> None:
    with closing(Turn(tmp_path / "a.db", 0.05)) as turn:
        with turn.taken(), turn.taken():
            pass
        with turn.taken():
            pass


def test_a_mistake_gives_the_turn_back(tmp_path: Path) -> None:
    with closing(Turn(tmp_path / "a.db", 30)) as first, closing(Turn(tmp_path / "a.db", 30)) as second:
        try:
            with first.taken():
                raise RuntimeError
        except RuntimeError:
            pass
        with second.taken():
            pass
