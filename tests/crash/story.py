"""What the run that is killed has to do: a commit that is converged, damage in storage, and a commit that is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.azurite import Azurite
from tests.build import FILES, a_commit, a_descriptor, a_version
from tests.world import PIN, World, a_world

CONVERGED = "from an earlier commit, with damage"


@contextmanager
def a_story(folder: Path, azurite: Azurite) -> Iterator[World]:
    """A world that can be set back to this beginning."""
    with a_world(folder, azurite) as world:
        _converge_and_damage(world)
        _change(world.repository, list(world.sources.values()))
        world.remember(CONVERGED)
        yield world


def small(**changes: Any) -> dict[str, bytes]:
    """A version of few files."""
    files = {name: f"./{name}" for name in FILES if name != "model.bin"} | changes.pop("model_files", {})
    version = a_version(a_descriptor(model_files=files, **changes))
    return {name: content for name, content in version.items() if name != "model.bin"}


def _converge_and_damage(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", small())
    a_commit(world.repository, "tiny/1.1", small(lifecycle={"state": "withdrawn", "reason": "Wrong licence."}))
    a_commit(world.repository, "tiny/1.2", small())
    done = world.run("reconcile", "--jobs", "4")
    assert done.code == 0, done
    world.container.delete_blob("tiny/1.2/index.md")


def _change(repository: Path, urls: list[str]) -> None:
    changed = small(model_config__description="Better.")
    a_commit(repository, "tiny/1.0", changed | {"index.md": b"# Tiny, explained\n"})
    for name in FILES:
        (repository / "models/tiny/1.1" / name).unlink(missing_ok=True)
    removal = {"lifecycle": {"state": "removed", "reason": "Wrong licence."}}
    a_commit(repository, "tiny/1.1", {"model.yaml": json.dumps(removal).encode()})
    weights = {f"weights-{n}.bin": {"source": url, **PIN} for n, url in enumerate(urls)}
    a_commit(repository, "tiny/1.3", small(model_files=weights))
