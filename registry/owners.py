"""Who owns a path, as CODEOWNERS says. The only import of codeowners."""

from __future__ import annotations

from collections.abc import Callable

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # where GitHub looks, in its order

OwnersOf = Callable[[str], tuple[str, ...]]


def parse_owners(text: str | None) -> OwnersOf:
    """The owners of a path by the last line that matches it; none where no line does, or there is no such file."""
    if text is None:
        return lambda _: ()
    from codeowners import CodeOwners

    owners = CodeOwners(text)
    return lambda path: tuple(name for _, name in owners.of(path))
