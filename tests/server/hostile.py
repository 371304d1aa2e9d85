"""Requests as strangers and their mistakes make them: ten classes, each of several kinds, drawn by a seed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.build import FILES, a_descriptor

SECRET = "s3cr3t-tHaT-n0b0dy-sees"  # in every request, wherever one may stand
_VERSION = "/api/v1.0/model"
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Attack:
    """One request, as bytes where no client would send it."""

    kind: str  # class, and which of it
    method: str = "GET"
    path: str = "/healthz"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    raw: bytes | None = None


@dataclass(frozen=True)
class Known:
    """What a stranger may know of an endpoint and its sources."""

    host: str  # with its port
    token: str  # that may write
    model: str  # that is registered
    source: str  # URL of a server on the allow-list
    inner: str  # host and port that nobody may be led to


Make = Callable[[random.Random, Known], Attack]


def attacks(number: int, known: Known, seed: int = 1) -> list[Attack]:
    """So many, of each class as many; within a class its kinds take turns."""
    rng, classes = random.Random(seed), list(_CLASSES.items())
    made = []
    for turn in range(number):
        name, kinds = classes[turn % len(classes)]
        kind = list(kinds)[turn // len(classes) % len(kinds)]
        attack = kinds[kind](rng, known)
        made.append(Attack(f"{name}: {kind}", *(getattr(attack, key) for key in _PARTS)))
    return made


_PARTS = ("method", "path", "headers", "body", "raw")


def kinds() -> dict[str, list[str]]:
    """The names of all classes and their kinds."""
    return {name: list(found) for name, found in _CLASSES.items()}


def _word(rng: random.Random, length: int = 8) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))


def _text(rng: random.Random, length: int) -> str:
    """Characters of all planes that UTF-8 can carry."""
    return "".join(
        chr(rng.choice((rng.randrange(0x20, 0xD800), rng.randrange(0xE000, 0x110000)))) for _ in range(length)
    )


def _writes(known: Known) -> dict[str, str]:
    return {"Authorization": f"Bearer {known.token}", "Content-Type": "application/json"}


def _put(rng: random.Random, known: Known, body: Any, path: str = "") -> Attack:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Attack("", "PUT", path or f"{_VERSION}/{_word(rng)}/1.0", _writes(known), raw)


def _with_url(url: Callable[[random.Random, Known], str]) -> Make:
    """A body that is good but for where one file comes from."""

    def make(rng: random.Random, known: Known) -> Attack:
        model = f"{_word(rng)}/1.0"
        files = {target: f"http://{known.host}{_VERSION}/{model}/files/{target}" for target in FILES}
        body = a_descriptor(model_files={**files, "model.bin": url(rng, known)})
        return _put(rng, known, {key: value for key, value in body.items() if key != "license"}, f"{_VERSION}/{model}")

    return make


def _get(path: Callable[[random.Random, Known], str]) -> Make:
    def make(rng: random.Random, known: Known) -> Attack:
        return Attack("", "GET", path(rng, known), {"Authorization": f"Bearer {known.token}"})

    return make


def _ranged(value: Callable[[random.Random], str], **more: str) -> Make:
    def make(rng: random.Random, known: Known) -> Attack:
        headers = {"Authorization": f"Bearer {known.token}", "Range": value(rng), **more}
        return Attack("", "GET", f"{_VERSION}/{known.model}/files/model.bin?sig={SECRET}", headers)

    return make


def _headed(**headers: str) -> Make:
    def make(rng: random.Random, known: Known) -> Attack:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return Attack("", rng.choice(("GET", "PUT", "PATCH", "DELETE")), f"{_VERSION}/{known.model}", sent, b"{}")

    return make


def _said(head: Callable[[random.Random, Known], str], body: bytes = b"") -> Make:
    """Bytes of a request that breaks HTTP itself."""

    def make(rng: random.Random, known: Known) -> Attack:
        return Attack("", raw=head(rng, known).encode("utf-8", "surrogateescape") + body)

    return make


def _mutated(rng: random.Random, known: Known) -> Attack:
    """A good body with some bytes of it changed, taken out or put in."""
    raw = bytearray(json.dumps(a_descriptor(model_files={"a": f"https://a.example/b?sig={SECRET}"})).encode())
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(raw))
        match rng.randrange(3):
            case 0:
                raw[place] = rng.randrange(256)
            case 1:
                del raw[place : place + rng.randint(1, 20)]
            case _:
                raw[place:place] = rng.randbytes(rng.randint(1, 8))
    return _put(rng, known, bytes(raw))


def _swapped(rng: random.Random, known: Known) -> Attack:
    """A good body with a value of another type in one place."""
    body = a_descriptor(model_files={target: f"https://a.example/{target}?sig={SECRET}" for target in FILES})
    section = body[rng.choice(("model_config", "model_files", "model_metainfo"))]
    odd: list[Any] = [
        None,
        [],
        {},
        0,
        -1,
        1e308,
        True,
        "",
        "\0",
        [[]],
        _text(rng, 5),
        10**30,
        ["x"] * 300,
        {"x": "y"},
    ]
    section[rng.choice([*section, _word(rng)])] = rng.choice(odd)
    return _put(rng, known, body)


def _patch(rng: random.Random, known: Known) -> Attack:
    """A merge patch of what may not change, or of the wrong type."""
    patch = {rng.choice(("model_config", "model_files", "name", "created_time")): rng.choice(["x", {"type": []}, [{}]])}
    return Attack("", "PATCH", f"{_VERSION}/{known.model}", _writes(known), json.dumps(patch).encode())


def _password(rng: random.Random, known: Known) -> Attack:
    """A password where it belongs, with something wrong beside it."""
    registry = {"url": _text(rng, 3), "username": "", "password": rng.choice([SECRET, [SECRET], {SECRET: 1}])}
    properties = {"entry_script": "inference.py", "docker_image": "a/b", "docker_registry": registry}
    return _put(rng, known, a_descriptor(model_config__inference_properties=properties, model_files={"a": SECRET}))


def _token(value: Callable[[random.Random, Known], str]) -> Make:
    def make(rng: random.Random, known: Known) -> Attack:
        method = rng.choice(("GET", "PUT", "PATCH", "DELETE"))
        sent = value(rng, known).encode("utf-8").decode("latin-1")
        return Attack("", method, f"{_VERSION}/{known.model}", {"Authorization": sent}, b"{}")

    return make


def _length(number: str, body: bytes = b"") -> Make:
    return _said(
        lambda _, known: (
            f"PUT {_VERSION}/size/1 HTTP/1.1\r\nHost: {known.host}\r\nAuthorization: Bearer {known.token}\r\n"
            f"Content-Type: application/json\r\nConnection: close\r\n{number}\r\n\r\n"
        ),
        body,
    )


def _request(known: Known, *lines: str) -> str:
    return "\r\n".join([f"GET /api/v1.0/models?sig={SECRET} HTTP/1.1", f"Host: {known.host}", *lines, "", ""])


_CLASSES: dict[str, dict[str, Make]] = {
    "bodies": {
        "bytes": lambda rng, known: _put(rng, known, rng.randbytes(rng.randint(0, 400))),
        "changed": _mutated,
        "swapped": _swapped,
        "password": _password,
        "no object": lambda rng, known: _put(rng, known, rng.choice([[], None, 1, SECRET, [[]], True, 1.5])),
        "nested": lambda rng, known: _put(rng, known, b"[" * rng.choice((40, 5000, 100_000))),
        "nested objects": lambda rng, known: _put(rng, known, b'{"a":' * rng.choice((40, 5000, 100_000))),
        "halves": lambda rng, known: _put(rng, known, b'{"model_config": "\\ud800", "x": "\\udfff\\ud800"}'),
        "numbers": lambda rng, known: _put(rng, known, b'{"model_metainfo": {"num_params": %s}}' % (b"9" * 5000)),
        "not numbers": lambda rng, known: _put(rng, known, b'{"a": [NaN, Infinity, -Infinity, 1e999]}'),
        "twice": lambda rng, known: _put(rng, known, b'{"model_files": {}, "model_files": {"a": "b", "a": "c"}}'),
        "UTF-16": lambda rng, known: _put(rng, known, json.dumps(a_descriptor()).encode("utf-16")),
        "patches": _patch,
    },
    "URLs": {
        "schemes": _with_url(
            lambda rng, _: f"{rng.choice(('file', 'ftp', 'gopher', 'data', 'jar', 'dict'))}:///etc/passwd"
        ),
        "no URL": _with_url(lambda rng, _: _text(rng, 12)),
        "metadata": _with_url(lambda *_: f"http://169.254.169.254/latest/meta-data?sig={SECRET}"),
        "users": _with_url(lambda _, known: f"http://user:{SECRET}@{known.inner}/x"),
        "users on the list": _with_url(lambda _, known: f"{known.source.replace('//', f'//{SECRET}@')}/x"),
        "list as prefix": _with_url(lambda _, known: f"{known.source}.evil.example/x?sig={SECRET}"),
        "list as user": _with_url(lambda _, known: f"{known.source}@{known.inner}/x?sig={SECRET}"),
        "backslashes": _with_url(lambda _, known: f"{known.source}\\@{known.inner}/x?sig={SECRET}"),
        "dots": _with_url(lambda _, known: f"{known.source}/../../x/%2e%2e/%2f..?sig={SECRET}"),
        "ports": _with_url(
            lambda rng, _: f"http://127.0.0.1:{rng.choice((0, 22, 65536, 99999999, -1))}/x?sig={SECRET}"
        ),
        "brackets": _with_url(lambda rng, _: f"http://{rng.choice(('[', '[::', '[::1', '[v1.x]', ']', '[::1]]'))}/x"),
        "others' files": _with_url(lambda _, known: f"http://{known.host}{_VERSION}/{known.model}/files/model.bin"),
        "own but missing": _with_url(
            lambda rng, known: f"http://{known.host}{_VERSION}/{_word(rng)}/1.0/files/model.bin"
        ),
        "line feeds": _with_url(lambda _, known: f"{known.source}/x\r\nX-Evil: {SECRET}"),
    },
    "redirects": {
        kind: _with_url(lambda _, known, kind=kind: f"{known.source}/{kind}?sig={SECRET}")  # type: ignore[misc]
        for kind in ("inner", "file", "metadata", "loop", "name", "nothing", "brackets", "bytes", "list", "far")
    },
    "DNS": {
        "number": _with_url(lambda _, known: f"http://2130706433:{known.inner.rpartition(':')[2]}/x?sig={SECRET}"),
        "hexadecimal": _with_url(lambda _, known: f"http://0x7f000001:{known.inner.rpartition(':')[2]}/x?sig={SECRET}"),
        "octal": _with_url(lambda _, known: f"http://0177.0.0.1:{known.inner.rpartition(':')[2]}/x?sig={SECRET}"),
        "short": _with_url(lambda _, known: f"http://127.1:{known.inner.rpartition(':')[2]}/x?sig={SECRET}"),
        "mapped": _with_url(
            lambda _, known: f"http://[::ffff:127.0.0.1]:{known.inner.rpartition(':')[2]}/?sig={SECRET}"
        ),
        "wide digits": _with_url(
            lambda _, known: (
                f"http://\uff11\uff12\uff17.\uff10.\uff10.\uff11:{known.inner.rpartition(':')[2]}/?sig={SECRET}"
            )
        ),
        "localhost": _with_url(lambda _, known: f"http://localhost.:{known.inner.rpartition(':')[2]}/x?sig={SECRET}"),
        "zone": _with_url(lambda *_: f"http://[fe80::1%25lo]/x?sig={SECRET}"),
        "embedded": _with_url(lambda *_: f"https://127.0.0.1.nip.example/x?sig={SECRET}"),
        "long label": _with_url(lambda rng, _: f"https://{'a' * rng.choice((64, 300, 3000))}.example/x?sig={SECRET}"),
        "empty label": _with_url(lambda *_: f"https://a..example/x?sig={SECRET}"),
        "letters": _with_url(lambda rng, _: f"https://{quote(_text(rng, 4))}.example/x?sig={SECRET}"),
    },
    "tokens": {
        "wrong": _token(lambda *_: f"Bearer {SECRET}"),
        "nearly": _token(lambda _, known: f"Bearer {known.token[:-1]}"),
        "scheme": _token(lambda _, known: f"Basic {known.token}"),
        "none": _token(lambda rng, _: rng.choice(("", "Bearer", "Bearer ", " ", "bearer\t"))),
        "letters": _token(lambda rng, _: f"Bearer {_text(rng, 6)}"),
        "long": _token(lambda rng, _: f"Bearer {SECRET}{'x' * rng.choice((100, 8000, 30_000))}"),
        "two": _token(lambda _, known: f"Bearer {known.token}, Bearer {SECRET}"),
        "digest": _token(lambda *_: "Bearer sha256:" + "0" * 64),
        "in the query": lambda _, known: Attack("", "GET", f"{_VERSION}/{known.model}?access_token={SECRET}"),
    },
    "ranges": {
        "numbers": _ranged(lambda rng: f"bytes={rng.randrange(-9, 20)}-{rng.randrange(-9, 20)}"),
        "far": _ranged(lambda rng: f"bytes={10 ** rng.randrange(1, 40)}-"),
        "many": _ranged(lambda rng: "bytes=" + ",".join(["0-0"] * rng.choice((2, 100, 5000)))),
        "units": _ranged(lambda rng: f"{_word(rng)}=0-1"),
        "nonsense": _ranged(
            lambda rng: "bytes=" + rng.choice(("-", "--", "a-b", "0-1-2", " 0 - 1 ", "0x1-0x2", "-0", "1e3-"))
        ),
        "conditions": _ranged(lambda _: "bytes=0-1", **{"If-Range": '"', "If-None-Match": 'W/", *, ""'}),
        "digits": _ranged(lambda _: "bytes=\u0660-\u0661".encode().decode("latin-1")),
    },
    "headers": {
        "host": _headed(Host=f"[{SECRET}"),
        "hosts": _headed(Host=f"evil.example/{SECRET}"),
        "type": _headed(Content_Type=f"application/json; charset={SECRET}"),
        "ids": _headed(X_Request_ID='"}\x7f{"level": "error"'),
        "matches": _headed(If_Match=f'{SECRET},,",W/"', If_None_Match="*," * 2000),
        "forwarded": _headed(X_Forwarded_For=f"{SECRET}, ::1, 999.9", X_Forwarded_Proto=f"java{SECRET}"),
        "encoded": _headed(Content_Encoding="gzip", Content_Type="application/json"),
        "accept": _headed(
            Accept=f"text/html;q={SECRET},*/*;q=9" * 50, Cookie=f"a={SECRET}", Referer=f"https://a/?sig={SECRET}"
        ),
        "no colon": _said(lambda _, known: _request(known, f"Authorization Bearer {SECRET}")),
        "null": _said(lambda _, known: _request(known, f"X-A: {SECRET}\0b")),
        "folded": _said(lambda _, known: _request(known, f"X-A: {SECRET}", " b")),
        "two hosts": _said(lambda _, known: _request(known, "Host: evil.example")),
        "no host": _said(lambda *_: f"GET /?sig={SECRET} HTTP/1.1\r\n\r\n"),
        "many": _said(lambda _, known: _request(known, *(f"X-{n}: {SECRET}" for n in range(3000)))),
    },
    "paths": {
        "climbing": _get(lambda rng, known: f"{_VERSION}/{known.model}/files/{'../' * rng.randint(1, 9)}etc/passwd"),
        "encoded": _get(
            lambda rng, known: f"{_VERSION}/{known.model}/files/{'%2e%2e%2f' * rng.randint(1, 9)}etc%2fpasswd"
        ),
        "twice encoded": _get(lambda _, known: f"{_VERSION}/{known.model}/files/%252e%252e%252fetc"),
        "null": _get(lambda _, known: f"{_VERSION}/{known.model}/files/model.bin%00.png"),
        "no UTF-8": _get(lambda *_: f"{_VERSION}/%ff%fe/%c0%ae/files/%ed%a0%80"),
        "line feeds": _get(lambda *_: f"{_VERSION}/a%0d%0aX-Evil:%20x/1.0"),
        "letters": _get(lambda rng, _: f"{_VERSION}/{quote(_text(rng, 6))}/{quote(_text(rng, 3))}"),
        "long": _get(lambda rng, _: f"{_VERSION}/{'a' * rng.choice((129, 3000, 30_000))}/1.0"),
        "slashes": _get(lambda rng, _: "/" * rng.randint(2, 50) + f"api/v1.0//models?token={SECRET}"),
        "pages": _get(lambda rng, _: f"/models/{quote(_text(rng, 4), safe='')}/{quote('<script>', safe='')}"),
        "devices": _get(lambda rng, _: f"{_VERSION}/{rng.choice(('con', 'nul', '.', '..', '~', 'clone'))}/x"),
        "ledger": _get(lambda *_: f"{_VERSION}/.registry/state.json/files/lock"),
        "methods": lambda rng, _: Attack(
            "", rng.choice(("TRACE", "CONNECT", "PROPFIND", _word(rng))), "/api/v1.0/models"
        ),
        "written": lambda rng, known: _put(
            rng, known, a_descriptor(), f"{_VERSION}/{quote(_text(rng, 4), safe='')}/1.0"
        ),
    },
    "cursors": {
        "nonsense": _get(lambda rng, _: f"/api/v1.0/models?cursor={quote(_text(rng, 9))}"),
        "bytes": _get(lambda rng, _: f"/api/v1.0/models?cursor={quote(rng.randbytes(12))}"),
        "base64": _get(
            lambda rng, _: f"/api/v1.0/models?cursor={rng.choice(('Lw', 'YS8', 'Li4vLi4', '====', 'YS8x' * 900))}"
        ),
        "SQL": _get(lambda *_: f"/api/v1.0/models?q={quote(SECRET)}%27%20OR%201=1--%25_\\&name=%27;DROP%20TABLE%20x"),
        "limits": _get(
            lambda rng, _: f"/api/v1.0/models?limit={rng.choice((0, -1, 1001, 10**30, 'x', '1e2', '%D9%A3', ''))}"
        ),
        "filters": _get(
            lambda rng, _: f"/api/v1.0/models?type={_word(rng)}&trainable={_word(rng)}&state=removed&x={SECRET}"
        ),
        "null": _get(lambda rng, _: f"/api/v1.0/models?{rng.choice(('q', 'name', 'language', 'license'))}=%00{SECRET}"),
        "long": _get(lambda rng, _: f"/api/v1.0/models?q={'%25' * rng.choice((100, 201, 9000))}"),
        "again": _get(lambda *_: "/api/v1.0/models?" + "cursor=a&" * 1500),
        "pages": _get(lambda rng, _: f"/?cursor={quote(_text(rng, 9))}"),
    },
    "sizes": {
        "negative": _length("Content-Length: -1", b"{}"),
        "no number": _length("Content-Length: 1e3", b"{}"),
        "two lengths": _length("Content-Length: 2\r\nContent-Length: 3", b"{}"),
        "length and chunks": _length("Content-Length: 2\r\nTransfer-Encoding: chunked", b"0\r\n\r\n"),
        "bad chunks": _length("Transfer-Encoding: chunked", b"zz\r\n{}\r\n0\r\n\r\n"),
        "huge chunk": _length("Transfer-Encoding: chunked", b"ffffffffffffffffffff\r\n{}"),
        "too short": _length("Content-Length: 999999999999", b"{}"),
        "many files": lambda rng, known: _put(
            rng,
            known,
            a_descriptor(model_files={f"{number}.bin": f"https://a.example/?sig={SECRET}" for number in range(1500)}),
        ),
        "long URL": _with_url(lambda _, known: f"{known.source}/{'a' * 5000}?sig={SECRET}"),
        "long names": lambda rng, known: _put(
            rng, known, a_descriptor(model_files={"a" * 600: SECRET, "b" * 2000: "x"})
        ),
        "long texts": lambda rng, known: _put(
            rng, known, a_descriptor(model_config__description="x" * rng.choice((201, _MIB)))
        ),
        "many keys": lambda rng, known: _put(rng, known, {_word(rng): SECRET for _ in range(2000)}),
    },
}

TOO_LARGE = 8 * _MIB + 1
