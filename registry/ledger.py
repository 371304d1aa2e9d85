"""Lock, state and receipts: the only reader and writer of `.registry/` in private storage."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from registry.errors import BlobExistsError, BlobMissingError, LedgerError, LockError, StorageError
from registry.identity import ModelId
from registry.storage import Blob, Lease, Storage
from registry.wire import WIRE_FORMAT, Json

if TYPE_CHECKING:
    from concurrent.futures import Executor

FORMAT = 1
LOCK = ".registry/lock"
STATE = ".registry/state.json"
MARGIN = 20.0  # seconds of lease without which nothing is sent
RECEIPTS = ".registry/receipts/"
_RECEIPT = re.compile(re.escape(RECEIPTS) + r"([^/]+)/([^/]+)/([1-9]\d{0,8})\.json")

Clock = Callable[[], datetime]


@dataclass(frozen=True)
class State:
    """Which commit was converged last, where, and what is still pending."""

    commit: str
    tree: str  # git's id of the models' folder
    storage: str
    endpoint: str  # its URL, or `embedded`
    instance: str = ""  # which database answered there; empty where the endpoint does not say
    versions: int | None = None  # that the commit holds; None: written before this was kept
    counts: Mapping[str, int] = field(default_factory=dict)
    pending: Mapping[str, str] = field(default_factory=dict)  # model → since when
    generation: int = 0
    wire: int = WIRE_FORMAT
    format: int = FORMAT


@dataclass(frozen=True)
class Receipt:
    """The record that one version was registered or amended."""

    n: int  # from 1
    previous: str | None  # sha256 of the receipt before
    model: str
    action: str  # registered | amended | repaired | removed
    commit: str
    tree: str  # git's id of the version's folder
    request_digest: str
    request: Json  # what was registered, comparable: see wire.make_request
    files: Mapping[str, Json]  # target → sha256, size, etag
    author: str
    committer: str
    time: str  # ISO 8601, UTC
    generation: int
    merge_commit: str | None = None
    pull_request: int | None = None
    run: str | None = None  # URL of the run
    format: int = FORMAT
    digest: str = ""  # sha256 of the stored receipt; not stored in it


class Hold:
    """The lock while it is held: which generation this is, and whether something may still be sent.

    The lock is told its generation in the background: others are asked meanwhile, and nothing is sent before.
    """

    def __init__(self, lease: Lease, announce: Callable[[int], None], generation: int, aside: Executor) -> None:
        self._lease = lease
        self._announce = announce
        self._generation = generation
        self._aside = aside
        self._announced = aside.submit(announce, generation)

    @property
    def generation(self) -> int:
        """Of this holder, once the lock says so; LockError where it was lost before."""
        self._announced.result()
        return self._generation

    def follow(self, seen: int) -> None:
        """Go above a generation that the endpoint has seen, such as one from before storage was made anew."""
        if seen >= self._generation:
            self._generation = seen + 1
            self._announced = self._aside.submit(self._announce, self._generation)

    def check(self) -> None:
        """Raise LockError when so little of the lease remains that somebody else might soon hold it."""
        self._announced.result()
        if self._lease.remaining() < MARGIN:
            raise LockError("the lock is about to be lost, so nothing more is sent", hint="run again")


class Ledger:
    """The ledger in one private storage."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock
        self._state_blob: Blob | None = None

    @contextmanager
    def lock(self, *, timeout: float) -> Iterator[Hold]:
        """Hold the ledger for one run; raises LockError naming the holder after `timeout` seconds."""
        from concurrent.futures import ThreadPoolExecutor

        try:
            with self._storage.lease(LOCK, timeout=timeout) as lease, ThreadPoolExecutor(1, "lock") as aside:
                generation = _generation(lease.read()) + 1
                yield Hold(lease, lambda number: lease.write(_dump(self._holder(number))), generation, aside)
        except LockError as error:
            if error.holder:
                raise _taken(error) from error
            raise

    def state(self) -> State | None:
        """What the last run left; None before the first. Raises StorageError where it cannot be understood."""
        loaded = self._storage.load(STATE)
        return _parse_state(loaded[1]) if loaded else None

    def claim_state(self) -> State | None:
        """The state, to be replaced by the one who holds the lock."""
        loaded = self._storage.load(STATE)
        self._state_blob = loaded[0] if loaded else None
        return _parse_state(loaded[1]) if loaded else None

    def write_state(self, state: State) -> None:
        """Put the state in the place of the one that was claimed; raises StorageError if somebody else did."""
        content = [_dump(asdict(state))]
        if self._state_blob is None:
            self._state_blob = self._storage.create(STATE, content)
        else:
            self._state_blob = self._storage.replace(STATE, content, etag=self._state_blob.etag)

    def receipt(self, model: ModelId) -> Receipt | None:
        """The last receipt of a version; None if it was never registered."""
        path = _last(self._storage.list(_folder(model))).get(model)
        return self.read_receipt(path) if path else None

    def last_receipts(self) -> Mapping[ModelId, str]:
        """Where the last receipt of every version is that was ever registered, by one listing."""
        return _last(self._storage.list(RECEIPTS))

    def receipts(self, model: ModelId) -> list[Receipt]:
        """All receipts of a version, the first one first."""
        paths = (blob.path for blob in self._storage.list(_folder(model)) if _RECEIPT.fullmatch(blob.path))
        return sorted(map(self.read_receipt, paths), key=lambda receipt: receipt.n)

    def read_receipt(self, path: str) -> Receipt:
        """A receipt; raises LedgerError where it cannot be understood."""
        content = b"".join(self._storage.read(path))
        try:
            return Receipt(**_known(Receipt, _parse(path, content)) | {"digest": _sha256(content)})
        except TypeError as error:
            raise _damaged(path) from error

    def write_receipt(self, model: ModelId, previous: Receipt | None, facts: Mapping[str, Any]) -> Receipt:
        """Add the next receipt of a version, create-only; raises StorageError if there is one already."""
        n = previous.n + 1 if previous else 1
        before = previous.digest if previous else None
        receipt = Receipt(n=n, previous=before, model=str(model), time=stamp(self._clock()), **facts)
        content = _dump({key: value for key, value in asdict(receipt).items() if key != "digest"})
        try:
            self._storage.create(f"{_folder(model)}{n}.json", [content])
        except BlobExistsError as error:
            hint = "another run wrote it; run again"
            raise StorageError(f"receipt {n} of {model} is there already", hint=hint) from error
        return replace(receipt, digest=_sha256(content))

    def intent(self, model: ModelId) -> str | None:
        """The digest of the body that a run was about to send; None where there was none."""
        try:
            return str(_lenient(b"".join(self._storage.read(_intent(model)))).get("digest"))
        except BlobMissingError:
            return None

    def write_intent(self, model: ModelId, digest: str) -> None:
        """Say before the PUT which body it has, for endpoints that cannot be asked afterwards."""
        content = [_dump({"format": FORMAT, "digest": digest})]
        blob = self._storage.stat(_intent(model))
        if blob is None:
            self._storage.create(_intent(model), content)
        elif self.intent(model) != digest:
            self._storage.replace(_intent(model), content, etag=blob.etag)

    def drop_intent(self, model: ModelId) -> None:
        """Forget an intent that the endpoint refused."""
        if blob := self._storage.stat(_intent(model)):
            self._storage.delete(blob)

    def _holder(self, generation: int) -> Json:
        import socket

        holder = {"generation": generation, "host": socket.gethostname(), "process": os.getpid()}
        return {"format": FORMAT, **holder, "command": os.path.basename(sys.argv[0]), "since": stamp(self._clock())}  # noqa: PTH119


def stamp(moment: datetime) -> str:
    """A moment as ISO 8601 in UTC with seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _taken(error: LockError) -> LockError:
    holder = _lenient(error.holder)
    who = f"process {holder.get('process')} on {holder.get('host')} since {holder.get('since')}"
    return LockError(f"another run holds the lock: {who}", hint="wait for it (--lock-timeout SECONDS), then run again")


def _last(blobs: Iterable[Blob]) -> dict[ModelId, str]:
    numbers: dict[ModelId, int] = {}
    for match in filter(None, (_RECEIPT.fullmatch(blob.path) for blob in blobs)):
        model = ModelId(match[1], match[2])
        numbers[model] = max(int(match[3]), numbers.get(model, 0))
    return {model: f"{_folder(model)}{number}.json" for model, number in numbers.items()}


def _folder(model: ModelId) -> str:
    return f"{RECEIPTS}{model}/"


def _intent(model: ModelId) -> str:
    return f".registry/intents/{model}.json"


def _parse(path: str, content: bytes) -> Json:
    try:
        found = json.loads(content)
        if isinstance(found, dict):
            return found
    except ValueError:
        pass
    raise _damaged(path)


def _parse_state(content: bytes) -> State:
    found = _parse(STATE, content)
    if found.get("format") != FORMAT:
        hint = "use the version of registry that wrote it, or a newer one"
        raise StorageError(f"{STATE} has format {found.get('format')}, and this registry knows {FORMAT}", hint=hint)
    try:
        return State(**_known(State, found))
    except TypeError as error:
        raise _damaged(STATE) from error


def _damaged(path: str) -> LedgerError:
    hint = "restore it from a backup; a lost state may be deleted: the next run then looks at every version"
    return LedgerError(f"{path} in storage is damaged", hint=hint)


def _lenient(content: bytes) -> Json:
    """What a lock says; nothing where it says nothing that can be read, since only its number counts."""
    try:
        found = json.loads(content)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _generation(content: bytes) -> int:
    number = _lenient(content).get("generation")
    return number if type(number) is int else 0


def _known(kind: type[State] | type[Receipt], found: Json) -> Json:
    """The keys that this version knows; newer ones may have been added within a format."""
    return {known.name: found[known.name] for known in fields(kind) if known.name in found}


def _dump(value: Json) -> bytes:
    return json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
