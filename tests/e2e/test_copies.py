"""Copies that storage makes by itself and that go wrong: each ends in a verified file, or in words and without a trace.

What Azure does and the emulator does not is added by a proxy. That nothing is registered before it is verified is
looked at by the fixture `world`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import BlobClient, ContainerSasPermissions, generate_container_sas

from registry.outcome import Result
from registry.patience import Patience
from registry.storage.azure import Limits
from tests import faults
from tests.azurite import Azurite
from tests.background import ALWAYS, FOR_EVER, Background, is_copy_at_once, is_copy_in_background
from tests.build import a_commit, git
from tests.kinds import kind_of
from tests.proxy import Asked, Exchange, Fault, Match
from tests.world import WEIGHTS, World

FILE = "tiny/1.0/model.bin"
CHANGED = WEIGHTS[::-1]
BLOCKS = Limits(one_copy=100, copied_block=300)  # three blocks of a file of 700 bytes
TOO_LARGE = faults.answered(409, {"x-ms-error-code": "CopySourceTooLarge"})
CLOSED = faults.answered(403, {"x-ms-error-code": "AuthenticationFailed"})


def ended(world: World, limits: Limits | None = None) -> Result:
    """How the one version of a run in this process ended."""
    (result,) = world.hurried(Patience(retries=2), limits=limits).results
    return result


def stored(world: World) -> bytes | None:
    """What stands under the file's name; a file that is not committed counts as nothing."""
    blob = world.container.get_blob_client(FILE)
    return blob.download_blob().readall() if blob.exists() else None


def is_registered(world: World) -> bool:
    """Whether the endpoint was told anything."""
    return any(kind_of(asked) == "PUT model" for asked in world.proxy.asked)


def test_a_copy_that_is_pending_for_a_while_is_waited_for(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("private"))
    copy = Background(world.container, FILE, looks=3)
    copy.stand_before(world.proxy)

    done = world.run("reconcile", "--format", "json")

    (version,) = done.json["versions"]
    assert (done.code, version["outcome"], version["note"]) == (0, "registered", ""), done
    assert (copy.begun, copy.aborted, stored(world)) == (1, 0, WEIGHTS)
    assert world.left() == []


def test_a_copy_that_stays_pending_is_aborted_and_the_file_passes_through_here(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("private"))
    copy = Background(world.container, FILE, looks=FOR_EVER)
    copy.stand_before(world.proxy)

    result = ended(world, Limits(pending=2))

    assert (result.outcome, copy.aborted, stored(world)) == ("registered", 1, WEIGHTS), result
    assert result.note == "1 of 4 files passed through this machine: the copy that storage made ended as aborted"
    assert world.left() == []


def test_a_copy_that_failed_leaves_no_file_of_zero_bytes_and_the_file_passes_through_here(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("private"))
    copy = Background(world.container, FILE, ends="failed")
    copy.stand_before(world.proxy)

    done = world.run("reconcile")

    assert (done.code, copy.begun, stored(world)) == (0, 1, WEIGHTS), done
    assert "1 of 4 files passed through this machine: the copy that storage made ended as failed" in done.out
    assert world.left() == []


def test_a_copy_that_failed_with_a_source_that_is_gone_leaves_nothing(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("private"))
    Background(world.container, FILE, ends="failed").stand_before(world.proxy)
    world.proxy.spoil(is_read_by_us(world, "private"), faults.answered(404), times=ALWAYS)

    result = ended(world)

    assert (result.outcome, result.retryable, stored(world)) == ("failed", False, None), result
    assert "answers 404" in result.reason
    assert not is_registered(world)
    world.proxy.heal()
    assert ended(world).outcome == "registered"


def begin_and_die(world: World, copy: Background) -> None:
    """A run that is killed while storage copies the file in the background."""
    world.proxy.spoil(is_copy_at_once, TOO_LARGE, times=ALWAYS)
    assert world.killed(is_copy_in_background, copy.begin_then)
    assert copy.status == "pending"
    copy.stand_before(world.proxy)


def test_a_pending_copy_of_a_killed_run_is_adopted(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("private"))
    copy = Background(world.container, FILE, looks=3)
    begin_and_die(world, copy)

    result = ended(world)

    assert (result.outcome, result.note, stored(world)) == ("registered", "", WEIGHTS), result
    assert (copy.begun, copy.aborted) == (1, 0)
    assert world.left() == []


def test_a_pending_copy_of_a_killed_run_from_elsewhere_is_aborted(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("private"))
    copy = Background(world.container, FILE, looks=FOR_EVER)
    begin_and_die(world, copy)
    a_commit(world.repository, "tiny/1.0", world.weights("source"))

    result = ended(world)

    assert (result.outcome, result.note, stored(world)) == ("registered", "", WEIGHTS), result
    assert (copy.begun, copy.aborted) == (1, 1)
    assert world.left() == []


def test_a_pending_copy_of_a_killed_run_that_fails_is_made_anew(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("private"))
    copy = Background(world.container, FILE, ends="failed")
    begin_and_die(world, copy)

    result = ended(world)

    assert (result.outcome, stored(world)) == ("registered", WEIGHTS), result
    assert "ended as failed" in result.note
    assert world.left() == []


def is_read(world: World, account: str) -> Match:
    """Requests for the bytes of the source, by storage or by us."""
    path = urlsplit(world.sources[account]).path
    return lambda asked: asked.path == path


def is_read_by_us(world: World, account: str) -> Match:
    """Requests of our own for the bytes of the source."""
    return lambda asked: is_read(world, account)(asked) and not asked.agent.startswith("axios")


@pytest.fixture
def unpinned(world: World) -> None:
    """A world in which sources need no pins."""
    settings = world.repository / "pyproject.toml"
    settings.write_text(settings.read_text() + 'pins = "off"\n')
    git(world.repository, "commit", "--quiet", "--all", "--message=settings")


@pytest.fixture
def restore(world: World, azurite: Azurite) -> Iterator[Callable[[], None]]:
    """Makes the sources what they were; at the latest when the test is over."""
    with _uploads(world, azurite) as upload:
        yield lambda: upload(WEIGHTS)
        upload(WEIGHTS)


@pytest.fixture
def change(world: World, azurite: Azurite, restore: object) -> Iterator[Callable[[], None]]:
    """Lets the sources change."""
    with _uploads(world, azurite) as upload:
        yield lambda: upload(CHANGED)


@contextmanager
def _uploads(world: World, azurite: Azurite) -> Iterator[Callable[[bytes], None]]:
    with ExitStack() as stack:
        blobs = [stack.enter_context(uploaded(world, azurite, account)) for account in world.sources]

        def upload(content: bytes) -> None:
            for blob in blobs:
                blob.upload_blob(content, overwrite=True)

        yield upload


def uploaded(world: World, azurite: Azurite, account: str) -> BlobClient:
    """The file of a contributor."""
    _, _, container, name = urlsplit(world.sources[account]).path.split("/")
    key = AzureNamedKeyCredential(account, azurite.key(account))
    return BlobClient(azurite.url(account, container).rsplit("/", 1)[0], container, name, credential=key)


def at(number: int, act: Callable[[], None]) -> Fault:
    """All is passed on; before the n-th request something is done."""
    numbers = count(1)

    def fault(exchange: Exchange) -> None:
        if next(numbers) == number:
            act()
        answer = exchange.forward()
        if answer.status == 412:  # the word of the emulator is that for the destination
            answer.headers = [(name, value) for name, value in answer.headers if name != "x-ms-error-code"]
            answer.headers.append(("x-ms-error-code", "SourceConditionNotMet"))
        exchange.relay(answer)

    return fault


def is_copied(asked: Asked) -> bool:
    """Copies of a whole file or of a block that the emulator makes."""
    return kind_of(asked) in ("copy block of file", "copy file") and "x-ms-blob-type" not in asked.headers


@pytest.mark.parametrize(("account", "number"), [("source", 3), ("private", 1)], ids=["in blocks", "in one call"])
@pytest.mark.usefixtures("unpinned")
def test_a_source_that_changes_while_it_is_copied_is_said_and_the_next_run_takes_it_as_it_is(
    world: World, change: Callable[[], None], account: str, number: int
) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights(account, pin={}))
    limits = BLOCKS if account == "source" else Limits()
    world.proxy.spoil(is_copied, at(number, change), times=number)

    result = ended(world, limits)

    assert (result.outcome, result.retryable, stored(world)) == ("failed", True, None), result
    assert "the source changed meanwhile" in result.reason
    assert not is_registered(world)
    assert ended(world, limits).outcome == "registered"
    assert stored(world) == CHANGED


def test_a_pinned_source_that_changes_between_two_blocks_fails_until_it_is_what_it_was(
    world: World, change: Callable[[], None], restore: Callable[[], None]
) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("source"))
    world.proxy.spoil(is_copied, at(3, change), times=3)

    result = ended(world, BLOCKS)

    assert (result.outcome, result.retryable, stored(world)) == ("failed", False, None), result
    assert "has sha256" in result.reason
    assert not is_registered(world)
    restore()
    assert ended(world, BLOCKS).outcome == "registered"


@pytest.fixture
def sas_for(world: World, azurite: Azurite) -> Iterator[Callable[[float], None]]:
    """The SAS of the source ends in so many seconds, of which the service counts whole ones."""
    name = "REGISTRY_SOURCE_SAS_SOURCE"
    usual, container = world.env[name], urlsplit(world.sources["source"]).path.split("/")[2]

    def sign(seconds: float) -> None:
        world.env[name] = generate_container_sas(
            "source",
            container,
            account_key=azurite.key("source"),
            permission=ContainerSasPermissions(read=True),
            expiry=datetime.now(UTC) + timedelta(seconds=seconds),
        )

    yield sign
    world.env[name] = usual


def test_a_sas_that_has_expired_is_named_by_its_variable_and_not_shown(
    world: World, sas_for: Callable[[float], None]
) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("source"))
    sas_for(-3600)

    done = world.run("--verbose", "reconcile")

    assert done.code == 1
    assert "REGISTRY_SOURCE_SAS_SOURCE is set and has not expired" in done.out
    assert "sig=" not in done.out + done.err
    assert stored(world) is None
    assert not is_registered(world)


def test_a_sas_that_expires_between_two_blocks_fails_the_version_and_leaves_nothing(
    world: World, sas_for: Callable[[float], None]
) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("source"))
    sas_for(3)
    world.proxy.spoil(is_copied, at(3, lambda: time.sleep(4)), times=3)

    result = ended(world, BLOCKS)

    assert (result.outcome, result.retryable, stored(world)) == ("failed", False, None), result
    assert "REGISTRY_SOURCE_SAS_SOURCE is set and has not expired" in result.hint
    assert not is_registered(world)
    sas_for(3600)
    assert ended(world, BLOCKS).outcome == "registered"


def test_credentials_of_private_storage_that_end_in_mid_run_are_said_and_the_next_run_finishes(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights("source"))
    world.proxy.spoil(lambda asked: kind_of(asked) == "record digest of file", CLOSED, times=ALWAYS)

    result = ended(world)

    assert (result.outcome, result.retryable) == ("failed", True), result
    assert "check AZURE_STORAGE_KEY" in result.hint
    assert not is_registered(world)
    world.proxy.heal()
    assert ended(world).outcome == "registered"
    assert world.left() == []
