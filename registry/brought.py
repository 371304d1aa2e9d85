"""What the main line was brought, and when: its commits with the versions that each of them changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from registry.history import Logged
from registry.identity import ModelId, model_of

MOST = 100  # commits of the main line that are told of: each costs a call


def find_brought(
    log: Iterable[Logged], models: str, since: Collection[str], also: Collection[ModelId]
) -> Iterator[tuple[str, set[ModelId]]]:
    """The commits of the main line after all those in `since`, newest first, each with the versions that it changed.

    Then the older ones that brought the present form of `also`. The log begins with the newest commit, and names of a
    merge what differs from its first parent. Nothing in `since`: only the newest commit is new.
    """
    main, unseen, rest, left = None, set(since), set(also), MOST
    for commit, paths in log:
        if main not in (None, commit.id):
            continue  # it came by a merge
        unseen.discard(commit.id)
        is_new = bool(unseen) or (main is None and not since)
        main = next(iter(commit.parents), "")
        named = {model for path in paths if (model := model_of(path, models))}
        if wanted := named if is_new else named & rest:
            yield commit.id, wanted
            left -= 1
        rest -= named
        if not left or not (unseen or rest) or not main:
            return
