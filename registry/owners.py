"""Who owns a path, as CODEOWNERS says. The only import of codeowners."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")  # where GitHub looks, in its order

OwnersOf = Callable[[str], tuple[str, ...]]


def parse_owners(text: str | None) -> OwnersOf:
    """The owners of a path by the last line that matches it; none where no line does, or there is no such file.

    A line that is no pattern is left out, as GitHub does.
    """
    if text is None:
        return lambda _: ()
    from codeowners import CodeOwners

    owners = CodeOwners("\n".join(filter(_is_pattern, map(_without_comment, text.removeprefix("\ufeff").splitlines()))))
    return lambda path: tuple(name for _, name in owners.of(path))


def _without_comment(line: str) -> str:
    return re.sub(r"(?:^|\s)#.*", "", line)


def _is_pattern(line: str) -> bool:
    from codeowners import CodeOwners

    try:
        with warnings.catch_warnings(action="error"):
            CodeOwners(line)
    except (ValueError, re.error, Warning):
        return False
    return True
