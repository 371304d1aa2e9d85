"""What is learned once and by one for all: whether something is offered."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

T = TypeVar("T")


class Offer:
    """Something that is either offered or not; the first who tries finds out while the others wait."""

    def __init__(self, refusal: type[Exception]) -> None:
        self._refusal = refusal  # what a call raises where it is not offered; anything else tells nothing
        self._reason: str | None = None
        self._is_offered = False
        self._first = Lock()

    def take(self, call: Callable[[], T]) -> T:
        """What the call gives; the refusal, without a call, where it is known that it would be refused."""
        if not self._is_offered and self._reason is None:
            with self._first:
                if not self._is_offered and self._reason is None:
                    return self._learn(call)
        if self._reason is not None:
            raise self._refusal(self._reason)
        return call()

    def _learn(self, call: Callable[[], T]) -> T:
        try:
            result = call()
        except self._refusal as error:
            self._reason = str(error)
            raise
        self._is_offered = True
        return result
