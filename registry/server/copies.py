"""The files of accepted registrations: copied in the background, by whichever process of the endpoint comes first."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Self

from registry.copying import Copied, Copier, Remote, Wanted
from registry.errors import CopyError, RecordsError, RegistryError, StorageError
from registry.server.problems import redacted
from registry.server.records import Registrations, Work
from registry.sources import Sources
from registry.storage import Blob
from registry.wire import Json, blob_path

VERSIONS = 4  # copied at once; most of the time is spent on the files of each
_CLAIMED = 15.0  # seconds for which a claim holds: so long nobody goes on where a process was killed
_RENEWED = 3  # times in which a claim is renewed before it ends
_POLL = 5.0  # seconds between two looks for what another process left
_PAUSE = 10.0  # seconds until a registration is tried again, the first time, where private storage did not answer
_LEAVING = 5.0  # seconds that copies have to stop in

log = logging.getLogger(__name__)


class StoppedError(RegistryError):
    """The copy is not ours any more, or the endpoint ends; somebody will go on."""


@dataclass
class _Held:
    """A registration that this process copies."""

    work: Work
    until: float  # by the clock that does not jump, when the claim ends unless it is renewed


@dataclass
class Copies:
    """Copies what was accepted, and resumes what was interrupted, while the block is open.

    `claimed`: seconds for which a claim on a registration holds.
    """

    registrations: Registrations
    copier: Copier
    sources: Sources
    claimed: float = _CLAIMED
    poll: float = _POLL
    _held: dict[str, _Held] = field(default_factory=dict)
    _news: threading.Event = field(default_factory=threading.Event)
    _stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        self._pool = ThreadPoolExecutor(VERSIONS, "registry-registrations")
        self._thread = threading.Thread(target=self._run, name="registry-copies", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop before the next file or block; what is not done is left to whoever comes next."""
        self._stop.set()
        self._news.set()
        self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)
        deadline = time.monotonic() + _LEAVING
        while self._held and time.monotonic() < deadline:
            time.sleep(0.01)

    def wake(self) -> None:
        """Something was accepted."""
        self._news.set()

    def fetch(self, path: str, url: str) -> Blob:
        """One file at once; raises SourceError, CopyError."""
        return self.copier.copy(self._wanted(path, url, lambda: None)).blob

    def _run(self) -> None:
        while not self._stop.is_set():
            self._news.clear()
            try:
                self._renew()
                while len(self._held) < VERSIONS and self._begin():
                    pass
            except RecordsError as error:
                log.warning("registrations wait: %s", redacted(str(error)))
            self._news.wait(min(self.poll, self.claimed / _RENEWED))

    def _renew(self) -> None:
        if held := tuple(self._held):
            now = time.monotonic()
            for claim in self.registrations.renew(held, self.claimed):
                if found := self._held.get(claim):
                    found.until = now + self.claimed

    def _begin(self) -> bool:
        """Whether there was one that nobody copies."""
        now = time.monotonic()
        work = None if self._stop.is_set() else self.registrations.claim(self.claimed)
        if work is not None:
            self._held[work.claim] = _Held(work, now + self.claimed)
            self._pool.submit(self._do, work)
        return work is not None

    def _do(self, work: Work) -> None:
        try:
            self._copy(work)
        except StoppedError:
            with suppress(RecordsError):
                self.registrations.release(work, counts=False)
        except RecordsError as error:  # the claim ends by itself
            log.warning("%s waits: %s", work.draft.model, redacted(str(error)))
        except Exception:
            log.exception("%s", work.draft.model)
            with suppress(RecordsError):
                self.registrations.fail(work, "", "a mistake of the endpoint; its log says more")
        finally:
            self._held.pop(work.claim, None)
            self._news.set()

    def _copy(self, work: Work) -> None:
        """All files, and then the record; or the file that cannot be had."""
        files, check = dict(work.copied), partial(self._check, work.claim)
        wanted = {t: self._wanted(blob_path(work.draft.model, t), url, check) for t, url in work.urls.items()}
        wanted |= {t: _there(work, t, entry) for t, entry in work.copied.items()}
        failed: tuple[str, RegistryError] | None = None
        with closing(_each(self.copier, wanted, check)) as copies:  # none is being copied any more when it ends
            for target, copied in copies:
                if not isinstance(copied, Copied):
                    failed = target, copied
                    break
                files[target] = {"sha256": copied.blob.sha256, "size": copied.blob.size}
                if target not in work.copied:
                    self.registrations.note_copied(work, target, files[target])
        check()
        if failed:
            self._give_up(work, *failed)
        else:
            self.registrations.finish(work, files)

    def _give_up(self, work: Work, target: str, error: RegistryError) -> None:
        if isinstance(error, StorageError):  # no mistake of whoever sent it
            log.warning("%s is tried again: %s", work.draft.model, redacted(str(error)))
            self.registrations.release(work, seconds=_PAUSE, counts=True)
        else:
            self.registrations.fail(work, target, redacted(str(error)))

    def _check(self, claim: str) -> None:
        """Raise StoppedError where another may have taken over."""
        held = self._held.get(claim)
        if self._stop.is_set() or held is None or time.monotonic() > held.until:
            raise StoppedError("the copy stops here; it goes on by itself")

    def _wanted(self, path: str, url: str, check: Callable[[], None]) -> Wanted:
        """A file of a version that was never registered: whatever stands in its place gives way."""

        def stream() -> Iterator[bytes]:
            for chunk in self.sources.stream(url):
                check()
                yield chunk

        return Wanted(path, stream, Remote(url, partial(self.sources.locate, url, None)))


def _there(work: Work, target: str, entry: Json) -> Wanted:
    """A file that was copied before the last interruption."""

    def stream() -> Iterator[bytes]:
        raise CopyError("it was copied, and is not in private storage any more; send the registration again")

    path = blob_path(work.draft.model, target)
    return Wanted(path, stream, sha256=entry["sha256"], size=entry["size"])


def _each(
    copier: Copier, wanted: dict[str, Wanted], check: Callable[[], None]
) -> Generator[tuple[str, Copied | RegistryError]]:
    """Each file as it was copied, or why it could not be; StoppedError and mistakes of ours are raised."""
    with closing(copier.copy_each(wanted, check)) as ended:
        for target, future in ended:
            try:
                yield target, future.result()
            except StoppedError:
                raise
            except RegistryError as error:
                yield target, error
