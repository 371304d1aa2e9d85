"""Endpoint, storage and sources that fail: nothing unverified is registered, and the next run finishes.

That nothing is registered before it is verified is looked at by the fixture `world`, at each PUT and PATCH.
"""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from registry.errors import RegistryError
from registry.patience import Patience
from tests import faults
from tests.build import FILES, a_commit, a_descriptor, a_version
from tests.kinds import kind_of, of_kind
from tests.proxy import Asked, Exchange, Fault, Match
from tests.world import PIN, World

SHORT = Patience(connect=1, silence=0.5, slow=1, retries=1, again=1)
USUAL = Patience(retries=2)
ALWAYS = 1000  # times
BUSY = {"Content-Type": "application/problem+json"}


def soon(exchange: Exchange) -> None:
    """429 with a date in a second or two."""
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=1.9), usegmt=True)
    exchange.answer(429, {"Retry-After": when})


ONCE = {
    "429 with seconds": faults.answered(429, {"Retry-After": "1"}),
    "429 with a date": soon,
    "500": faults.answered(500),
    "503": faults.answered(503),
    "reset": faults.reset,
    "lost after commit": faults.lost,
    "cut": faults.cut(3),
    "too short": faults.mismeasured(-2),
    "too long": faults.mismeasured(2),
}
OF_ENDPOINT = ("GET readyz", "GET model", "PUT model", "PATCH model", "GET status", "DELETE model")


def story(world: World) -> None:
    """Two versions that are registered, and a commit that amends one, removes one and adds one."""
    a_commit(world.repository, "tiny/1.0", a_version())
    a_commit(world.repository, "tiny/1.1", a_version(a_descriptor(lifecycle={"state": "withdrawn", "reason": "Old."})))
    assert code_of_run(world) == 0
    a_commit(world.repository, "tiny/1.0", a_version(a_descriptor(license="Apache-2.0"), index__md=b"# New\n"))
    for name in FILES:
        (world.repository / "models/tiny/1.1" / name).unlink()
    removal = {"lifecycle": {"state": "removed", "reason": "Old."}}
    a_commit(world.repository, "tiny/1.1", {"model.yaml": json.dumps(removal).encode()})
    a_commit(world.repository, "tiny/1.2", world.weights())
    world.proxy.heal()


def of_version(version: str, kind: str) -> Match:
    """Requests of a kind that are about one version."""
    return lambda asked: kind_of(asked) == kind and f"/{version}" in asked.path


def code_of_run(world: World) -> int:
    """The exit code of a run in this process."""
    try:
        return world.hurried(USUAL).exit_code
    except RegistryError as error:
        return error.exit_code


def only(world: World) -> Any:
    """What the last run of `reconcile --format json` says of the one version that it lists."""
    done = world.run("reconcile", "--format", "json")
    (version,) = done.json["versions"]
    return version | {"code": done.code, "err": done.err}


@pytest.mark.parametrize("fault", ONCE.values(), ids=ONCE.keys())
def test_an_endpoint_that_fails_once_at_each_kind_of_request(world: World, fault: Fault) -> None:
    story(world)
    spoiled: list[str] = []
    for kind in OF_ENDPOINT:
        world.proxy.spoil(of_kind(kind), noted(fault, spoiled))
    world.proxy.spoil(of_kind("PUT model"), faults.accepted, times=ALWAYS)  # or nobody asks how it goes on

    first = code_of_run(world)
    finished = code_of_run(world)

    assert (first in (0, 3), finished) == (True, 0)
    assert set(spoiled) == set(OF_ENDPOINT) or first == 3
    assert world.left() == []


def noted(fault: Fault, kinds: list[str]) -> Fault:
    """The same fault, and which kind of request it came to."""

    def with_note(exchange: Exchange) -> None:
        kinds.append(kind_of(exchange.asked))
        fault(exchange)

    return with_note


@pytest.mark.parametrize("fault", ONCE.values(), ids=ONCE.keys())
def test_storage_that_fails_once_at_each_kind_of_request(world: World, fault: Fault) -> None:
    story(world)
    kinds: set[str] = set()

    def first_of_kind(asked: Asked) -> bool:
        kind = kind_of(asked)
        is_new = asked.path.startswith("/private/") and kind not in kinds and "lease" not in kind
        return is_new and not kinds.add(kind)  # type: ignore[func-returns-value]

    world.proxy.spoil(first_of_kind, fault, times=ALWAYS)
    codes = [code_of_run(world)]
    while codes[-1] and len(codes) < 8:  # some kinds are asked for only when those before them are through
        codes.append(code_of_run(world))
    world.proxy.heal()  # what a full comparison asks for is of other kinds

    assert set(codes) <= {0, 3}
    assert codes[-1] == 0
    assert {"create file", "create receipt", "replace state", "record digest of file"} <= kinds
    assert world.left() == []


def test_a_lock_that_is_lost_before_it_is_told_who_holds_it_is_said_once(world: World) -> None:
    for version in ("1.0", "1.1"):
        a_commit(world.repository, f"tiny/{version}", a_version())
    world.proxy.spoil(of_kind("replace lock"), faults.answered(412), times=ALWAYS)

    done = world.run("reconcile")

    assert (done.code, done.out, done.err.count("the lock .registry/lock was lost")) == (3, "", 1)
    assert not [asked for asked in world.proxy.asked if kind_of(asked) in ("create file", "PUT model", "create state")]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_one_version_that_the_endpoint_cannot_take_waits_and_the_others_are_registered(
    world: World, status: int
) -> None:
    for version in ("1.0", "1.1", "1.2"):
        a_commit(world.repository, f"tiny/{version}", a_version())
    world.proxy.spoil(of_version("1.1", "PUT model"), faults.answered(status), times=ALWAYS)

    done = world.run("reconcile", "--format", "json")

    outcomes = {version["model"]: version["outcome"] for version in done.json["versions"]}
    assert (done.code, outcomes) == (3, {"tiny/1.0": "registered", "tiny/1.1": "failed", "tiny/1.2": "registered"})
    world.proxy.heal()
    assert world.run("reconcile", "--format", "json").json["counts"]["registered"] == 1


def test_a_token_that_is_refused_in_mid_run_is_named_with_the_next_step(world: World) -> None:
    for version in ("1.0", "1.1"):
        a_commit(world.repository, f"tiny/{version}", a_version())
    world.proxy.spoil(of_version("1.1", "PUT model"), faults.answered(401), times=ALWAYS)

    done = world.run("reconcile", "--jobs", "1")

    assert done.code == 3
    assert "the endpoint answers 401" in done.out
    assert "REGISTRY_TOKEN" in done.out
    world.proxy.heal()
    assert world.run("reconcile").code == 0


@pytest.mark.parametrize("kind", ["GET model", "PUT model", "GET status"])
@pytest.mark.parametrize("drips", [True, False], ids=["drips", "stalls"])
def test_an_endpoint_that_drips_or_stalls_costs_a_bounded_time(world: World, kind: str, *, drips: bool) -> None:
    a_commit(world.repository, "tiny/1.0", a_version())
    over = threading.Event()
    fault = faults.dripped(0.2, over) if drips else faults.stalled(over)
    world.proxy.spoil(of_version("1.0", kind), fault, times=ALWAYS)
    world.proxy.spoil(of_kind("PUT model"), faults.accepted, times=ALWAYS)

    began = time.monotonic()
    (result,) = world.hurried(SHORT).results
    over.set()

    assert time.monotonic() - began < 10
    assert (result.outcome, result.retryable) == ("failed", True)
    world.proxy.heal()
    assert [item.outcome for item in world.hurried(Patience()).results] == ["registered"]


def test_a_registration_that_stays_in_progress_stays_pending(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", a_version())
    going_on = faults.answered(200, body=b'{"state": "InProgress"}')
    world.proxy.spoil(of_kind("PUT model"), faults.accepted)
    world.proxy.spoil(of_kind("GET status"), going_on, times=ALWAYS)

    (result,) = world.hurried(SHORT, wait=0.5).results

    assert (result.outcome, result.retryable) == ("failed", True)
    assert "still in progress" in result.reason
    world.proxy.heal()
    assert only(world)["outcome"] == "registered"


def test_a_registration_that_failed_is_named_and_tried_again(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", a_version())
    failed = faults.answered(200, body=b'{"state": "Failed", "message": "the disk of the endpoint is full"}')
    world.proxy.spoil(of_kind("PUT model"), faults.accepted)
    world.proxy.spoil(of_kind("GET status"), failed)

    found = only(world)

    assert (found["code"], found["outcome"]) == (3, "failed")
    assert "the disk of the endpoint is full" in found["reason"]
    assert only(world)["outcome"] == "registered"


def test_one_version_that_cannot_be_compared_does_not_stop_the_plan_of_the_others(world: World) -> None:
    for version in ("1.0", "1.1"):
        a_commit(world.repository, f"tiny/{version}", a_version())
    assert world.run("reconcile").code == 0
    world.container.delete_blob("tiny/1.1/index.md")
    world.proxy.spoil(of_version("1.0", "GET model"), faults.answered(500), times=ALWAYS)

    plan = world.run("plan", "--full", "--format", "json")
    done = world.run("reconcile", "--full", "--format", "json")

    reasons = {item["model"]: item["reason"] for item in plan.json["versions"]}
    assert reasons["tiny/1.0"].startswith("could not be compared: tiny/1.0: the endpoint answers 500")
    assert reasons["tiny/1.1"] == "`index.md` is missing in storage"
    outcomes = {item["model"]: item["outcome"] for item in done.json["versions"]}
    assert (done.code, outcomes) == (3, {"tiny/1.0": "failed", "tiny/1.1": "repaired"})
    world.proxy.heal()
    assert world.run("reconcile").code == 0
    assert world.left() == []


def test_one_receipt_that_cannot_be_read_does_not_stop_the_others(world: World) -> None:
    for version in ("1.0", "1.1"):
        a_commit(world.repository, f"tiny/{version}", a_version())
    assert world.run("reconcile").code == 0
    for version in ("1.0", "1.1"):
        a_commit(world.repository, f"tiny/{version}", a_version(a_descriptor(license="Apache-2.0")))
    world.proxy.spoil(of_version("1.0", "GET receipt"), faults.answered(500), times=ALWAYS)

    done = world.run("reconcile", "--format", "json")

    outcomes = {item["model"]: item["outcome"] for item in done.json["versions"]}
    assert (done.code, outcomes) == (3, {"tiny/1.0": "failed", "tiny/1.1": "amended"})
    world.proxy.heal()
    assert only(world)["outcome"] == "amended"


SOURCE: dict[str, tuple[Fault, int, str]] = {
    "gone": (faults.answered(404), 1, "answers 404"),
    "SAS expired": (faults.answered(403), 1, "REGISTRY_SOURCE_SAS_SOURCE is set and has not expired"),
    "down": (faults.answered(503), 3, "answers 503"),
    "cut": (faults.cut(100), 3, "broke off"),
    "other bytes": (faults.replaced(lambda body: body[::-1]), 1, "has sha256"),
    "shorter": (faults.replaced(lambda body: body[:-1]), 1, "bytes, and the descriptor says"),
    "longer": (faults.replaced(lambda body: body + b"!"), 1, "bytes, and the descriptor says"),
}


def streamed(world: World, fault: Fault) -> None:
    """Storage cannot fetch the source itself, and what passes through here is spoiled."""
    no = {"x-ms-error-code": "CannotVerifyCopySource", "x-ms-copy-source-status-code": "404"}
    world.proxy.spoil(lambda asked: "x-ms-copy-source" in asked.headers, faults.answered(404, no), times=ALWAYS)
    world.proxy.spoil(of_kind("GET source"), fault, times=ALWAYS)


@pytest.mark.parametrize(("fault", "code", "said"), SOURCE.values(), ids=SOURCE.keys())
def test_a_source_that_fails_is_named_and_the_next_run_finishes(
    world: World, fault: Fault, code: int, said: str
) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights())
    streamed(world, fault)

    found = only(world)

    assert (found["code"], found["outcome"]) == (code, "failed"), found
    assert said in found["reason"] + found["hint"]
    assert not [asked for asked in world.proxy.asked if kind_of(asked) == "PUT model"]
    world.proxy.heal()
    assert only(world)["outcome"] == "registered"


def test_a_source_that_drips_costs_a_bounded_time(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights())
    over = threading.Event()
    streamed(world, faults.dripped(0.2, over))

    began = time.monotonic()
    (result,) = world.hurried(SHORT).results
    over.set()

    assert time.monotonic() - began < 10
    assert (result.outcome, result.retryable, "broke off" in result.reason) == ("failed", True, True), result


@pytest.mark.parametrize("wrong", [{"sha256": "0" * 64}, {"size": PIN["size"] + 1}], ids=["digest", "size"])
@pytest.mark.parametrize("account", ["source", "private"], ids=["in blocks", "whole"])
def test_a_merged_wrong_pin_fails_and_the_pull_request_that_corrects_it_is_registered(
    world: World, wrong: dict[str, Any], account: str
) -> None:
    a_commit(world.repository, "tiny/1.0", world.weights(account, pin=PIN | wrong))
    for _ in range(2):
        found = only(world)
        assert (found["code"], found["outcome"], found["retryable"]) == (1, "failed", False), found
        assert not [asked for asked in world.proxy.asked if kind_of(asked) == "PUT model"]
    assert "tiny/1.0/model.bin" not in set(world.container.list_blob_names())

    a_commit(world.repository, "tiny/1.0", world.weights(account))

    assert only(world)["outcome"] == "registered"
    assert world.left() == []


def test_storage_that_is_full_is_said_and_the_next_run_finishes(world: World) -> None:
    a_commit(world.repository, "tiny/1.0", a_version())
    full = faults.answered(409, {"x-ms-error-code": "AccountBeingCreated"})
    world.proxy.spoil(of_version("1.0/model.bin", "create file"), full, times=ALWAYS)

    found = only(world)

    assert (found["code"], found["outcome"], found["retryable"]) == (3, "failed", True)
    assert "AccountBeingCreated (409)" in found["reason"]
    world.proxy.heal()
    assert only(world)["outcome"] == "registered"
