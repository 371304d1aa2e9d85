"""How many requests a run takes of storage and endpoint, as the proxy before them counts."""

from __future__ import annotations

from tests.build import FILES, a_commit, a_version
from tests.kinds import is_reconcilers, kind_of
from tests.world import World

OF_A_FILE = 3  # copy, read, record the digest
OF_A_VERSION = 4  # list its receipts, GET, PUT, write the receipt


def asked(world: World, *versions: str) -> list[str]:
    """What a run asks that registers these versions, in words; what endpoint and storage ask themselves left out."""
    for version in versions:
        a_commit(world.repository, f"tiny/{version}", a_version())
    world.proxy.heal()
    done = world.run("reconcile", "--jobs", "1")
    assert done.code == 0, done
    return sorted(kind_of(one) for one in world.proxy.asked if is_reconcilers(one))


def test_a_version_takes_four_requests_and_each_of_its_files_three(world: World) -> None:
    asked(world, "1.0")
    one, three = asked(world, "2.0"), asked(world, "3.0", "3.1", "3.2")
    assert three.count("create file") == three.count("record digest of file") == 3 * len(FILES)
    assert len(three) - len(one) <= 2 * (OF_A_VERSION + OF_A_FILE * len(FILES)), (one, three)


def test_nothing_to_do_takes_one_read_of_the_state(world: World) -> None:
    asked(world, "1.0")
    assert asked(world) == ["GET state"]
