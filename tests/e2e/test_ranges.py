"""A remote file by ranges: the right bytes, few of them, and in words what went wrong."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.errors import SourceError
from registry.patience import Patience
from registry.policy import Policy
from registry.ranges import Limits, RemoteFile
from registry.sources import Sources
from tests.e2e.ranged import RangeServer, Served, range_server
from tests.e2e.sources import Stall, source

KIB = 1024
DATA = secrets.token_bytes(300 * KIB)
ONCE = Patience(connect=10.0, silence=30.0, retries=0)
LIMITS = Limits(bytes=1024 * KIB, seconds=30)


@contextmanager
def remote(server: str, limits: Limits = LIMITS, patience: Patience = ONCE, **options: object) -> Iterator[RemoteFile]:
    """The file `/f` of a server."""
    policy = Policy(sources=(server,), allow_loopback=True)
    with closing(Sources(policy, {}, patience=patience)) as sources:
        yield RemoteFile(sources, f"{server}/f", limits, **options)  # type: ignore[arg-type]


@contextmanager
def served(file: Served | bytes, limits: Limits = LIMITS) -> Iterator[tuple[RemoteFile, RangeServer]]:
    """A file of a server that sends ranges."""
    with range_server({"/f": file}) as server, remote(server.url, limits) as found:
        yield found, server


def failure(file: Served | bytes, *reads: tuple[int, int], limits: Limits = LIMITS) -> SourceError:
    """Why these reads cannot be done."""
    with served(file, limits) as (found, _):
        return caught(lambda: [found.read(*read) for read in reads])


def caught(reading: Callable[[], object]) -> SourceError:
    """The error that reading ends in."""
    with pytest.raises(SourceError) as raised:
        reading()
    return raised.value


@settings(max_examples=60, deadline=None)
@given(
    reads=st.lists(st.tuples(st.integers(0, 310 * KIB), st.integers(0, 310 * KIB)), min_size=1, max_size=8),
    size=st.sampled_from([0, 1, 63 * KIB, 64 * KIB, 65 * KIB, 300 * KIB]),
    is_ranged=st.booleans(),
    most=st.sampled_from([None, 10_000, 100_000]),
)
def test_whatever_is_read_in_whatever_order_is_right(
    reads: list[tuple[int, int]], size: int, most: int | None, *, is_ranged: bool
) -> None:
    limits = Limits(bytes=10_000 * KIB, seconds=30)
    with served(Served(DATA[:size], is_ranged=is_ranged, most=most), limits) as (found, _):
        assert [found.read(*read) for read in reads] == [DATA[:size][o : o + n] for o, n in reads]
        assert found.size() == size


def test_a_header_is_in_the_first_request_and_the_end_of_an_archive_in_the_second() -> None:
    with served(DATA) as (found, server):
        for read in ((0, 8), (8, 5000), (300 * KIB - 22, 22), (300 * KIB - 900, 800), (70, 9), (299 * KIB, 99)):
            assert found.read(*read) == DATA[read[0] : sum(read)]
    assert server.asked == [("/f", "bytes=0-65535"), ("/f", f"bytes={236 * KIB}-{300 * KIB - 1}")]


def test_a_long_header_is_read_on_from_where_the_first_request_ended() -> None:
    with served(DATA) as (found, server):
        assert found.read(0, 8) == DATA[:8]
        assert found.read(8, 200 * KIB) == DATA[8 : 8 + 200 * KIB]
    assert server.asked == [("/f", "bytes=0-65535"), ("/f", f"bytes=65536-{200 * KIB + 7}")]
    assert server.connections == 1


def test_a_size_costs_one_byte() -> None:
    with served(DATA) as (found, server):
        assert found.size(look=1) == len(DATA)
    assert server.sent == {"/f": 1}


def test_of_a_server_without_ranges_no_more_is_read_than_is_needed() -> None:
    with served(Served(DATA[:100], size=5_000_000_000, is_ranged=False)) as (found, server):
        assert found.read(0, 8) == DATA[:8]
        assert found.size() == 5_000_000_000
    assert server.sent["/f"] < 20_000_000  # what the system holds on the way beside what was read


def test_a_file_without_a_length_is_measured_by_its_end() -> None:
    with served(Served(DATA[:5000], is_ranged=False, is_measured=False)) as (found, _):
        assert (found.read(4990, 100), found.size()) == (DATA[4990:5000], 5000)
    error = failure(Served(DATA, is_ranged=False, is_measured=False), (0, 8))
    assert (error.problem, "does not say how many bytes it has" in str(error)) == ("unread", True)


@pytest.mark.parametrize(
    ("file", "problem", "words"),
    [
        (Served(DATA, etags=("one", "two")), "unreachable", "changed while it was read"),
        (Served(DATA, headers={"Content-Encoding": "gzip"}), "refused", "is sent encoded"),
        (Served(DATA, headers={"Content-Range": "bytes 5-9/300000"}), "refused", "206 without the range"),
        (Served(DATA, headers={"Content-Range": "bytes 0-65535/*"}), "unread", "does not say how many bytes"),
        (Served(DATA, breaks_at=1000), "unreachable", "broke off"),
        (Served(DATA, breaks_at=1000, is_ranged=False), "unreachable", "broke off"),
        (Served(DATA, statuses=(404,)), "gone", "answers 404"),
        (Served(DATA, statuses=(206, 410)), "refused", "206 without the range"),
        (Served(DATA, statuses=(401,)), "refused", "answers 401"),
        (Served(DATA, statuses=(429,)), "unreachable", "answers 429"),
        (Served(DATA, statuses=(503,)), "unreachable", "answers 503"),
    ],
)
def test_what_goes_wrong_is_named(file: Served, problem: str, words: str) -> None:
    error = failure(file, (0, 8), (200 * KIB, 8))
    assert (error.problem, words in str(error)) == (problem, True), error
    assert error.retryable == (problem == "unreachable")


def test_a_file_that_changes_in_size_alone_is_noticed() -> None:
    with served(DATA) as (found, server):
        found.read(0, 8)
        server.files["/f"] = Served(DATA[:-1])
        with pytest.raises(SourceError, match="changed while it was read"):
            found.read(200 * KIB, 8)
        server.files["/f"] = Served(DATA[:10])
        with pytest.raises(SourceError, match="changed while it was read"):
            found.read(200 * KIB, 8)


def test_no_more_is_read_than_the_limit() -> None:
    file = Served(DATA[:100], size=5_000_000_000)
    error = failure(file, (0, 8), (4_000_000_000, 1024 * KIB))
    assert error.problem == "unread"
    assert str(error).endswith("/f would have to be read; at most 1,048,576 are")
    error = failure(replace(file, is_ranged=False), (0, 8), (4_999_999_900, 100))
    assert error.problem == "unread"
    assert str(error).endswith("/f would have to be read, since its server sends no ranges; at most 1,048,576 are")


def test_a_whole_file_is_read_where_it_is_not_too_long() -> None:
    with served(DATA) as (found, server):
        with pytest.raises(SourceError, match="has 307,200 bytes; at most 1,000 are read"):
            found.whole(1000)
        assert server.sent["/f"] == 64 * KIB
        assert found.whole(300 * KIB) == DATA


def test_a_server_that_stalls_is_given_up() -> None:
    with (
        source({"/f": b"abc"}, stall=Stall()) as url,
        remote(url, patience=Patience(connect=10.0, silence=1.0, retries=0)) as found,
    ):
        error = caught(lambda: found.read(0, 8))
    assert (error.problem, str(error).endswith(": nothing comes in time")) == ("unreachable", True)


def test_time_is_limited_for_a_whole_file() -> None:
    times = iter([0.0, 1.0, 2.0, 31.0])
    with range_server({"/f": DATA}) as server, remote(server.url, clock=lambda: next(times)) as found:
        assert "was not read in 30 seconds" in str(caught(lambda: found.whole(300 * KIB)))
    assert len(server.asked) == 1


def test_a_redirect_is_followed_for_each_range() -> None:
    with range_server({"/g": DATA, "/f": "/g"}) as server, remote(server.url) as found:
        assert found.read(200 * KIB, 8) == DATA[200 * KIB :][:8]
    assert server.paths() == ["/f", "/g"]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("http://169.254.169.254/latest", "redirects to http://169.254.169.254/latest, which is `http:`"),
        ("https://example.com/f?sig=SECRET", "redirects to https://example.com/f, which is not on the allow-list"),
        ("https://[::ffff:10.0.0.1/f", "which is no URL"),
        ("/f", "redirects more than 5 times"),
    ],
    ids=["to a private address", "to another host", "to nothing", "in a circle"],
)
def test_a_redirect_is_checked_as_the_url_itself(location: str, words: str) -> None:
    with range_server({"/f": location}) as server, remote(server.url) as found:
        error = caught(lambda: found.read(0, 8))
    assert (error.problem, words in str(error)) == ("redirected", True), error


def test_a_name_that_leads_to_a_private_address_is_refused() -> None:
    with range_server({"/f": DATA}) as server:
        url = server.url.replace("http://127.0.0.1", "https://localhost")
        with closing(Sources(Policy(sources=(url,)), {}, patience=ONCE)) as sources:
            error = caught(lambda: RemoteFile(sources, f"{url}/f", LIMITS).read(0, 8))
    assert (error.problem, str(error)) == ("refused", f"the source {url}/f leads to 127.0.0.1, which is not public")
    assert server.asked == []
