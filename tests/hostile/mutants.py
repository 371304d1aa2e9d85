"""Good files made bad by chance: what hypothesis draws to find what nobody thought of."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

from hypothesis import strategies as st

from tests.build import FILES
from tests.heads import a_safetensors
from tests.hostile.door import DESCRIPTOR, WRITTEN

_MODELS = Path(__file__).parents[2] / "models"
_TRAINING = b"""  training_properties: {entry_script: inference.py, docker_image: "python:3.11", args: {"--lr": 0.1}}
  preprocessing_properties:
    entry_script: inference.py
    conda_env: environment.yml
    docker_registry: {url: r.example.com, username: ci, password: "${env:REGISTRY_DOCKER_PASSWORD_X}"}
model_files:
  model.safetensors: {source: https://account.blob.core.windows.net/uploads/a, size: 7}
  config.json: ./config.json
  model.safetensors.index.json: ./index.json
"""
_MORE = b"private_packages: []\nparent: tiny/0.9\nlifecycle: {state: deprecated, reason: old, replaced_by: tiny/2.0}\n"
DESCRIPTORS = [
    WRITTEN,
    WRITTEN.replace(b"model_files:\n", _TRAINING) + _MORE,
    b"lifecycle: {state: removed, reason: gone}\n",
    *(file.read_bytes() for file in sorted(_MODELS.glob(f"*/*/{DESCRIPTOR}"))),
]
# fmt: off
PIECES = [
    b"ghp_" + b"a1" * 20, b"https://ci:S3cret@h/", b"?sv=1&sig=abcdef0", b"password: ",
    b"-----BEGIN PRIVATE KEY-----\nAAAA",
    b"&a ", b"*a", b"!!t ", b"<<: ", b"? ", b": ", b"- ", b"[", b"]", b"{", b"}", b", ", b"|\n", b">-\n", b"'", b'"',
    b"#", b"\n", b"\r", b"\r\n", b"\t", b"  ", b" ", b"---\n", b"...\n", b"%YAML 1.1\n", b"%TAG ! x\n", b"\\",
    b'"\\u202e"', b"\x00", b"\x1b[2J", b"\x7f", b"\x85", b"\xc2\x85", b"\xe2\x80\xa8", b"\xef\xbb\xbf",
    b"\xe2\x80\xae", b"\xff", b"\xc3", b"\xf0\x9f\x98\x80", b"\xed\xa0\x80", b"<<<<<<< x\n", b"=======\n",
    b">>>>>>> y\n", b"null", b"~", b"true", b"no", b".nan", b"1e999", b"0x10", b"0o17", b"9" * 120, b"x" * 1100,
    b"./", b"../", b"https://[", b"https://127.1/a", b"?sig=x", b"//", b"${env:REGISTRY_DOCKER_PASSWORD_X}",
    b"model.bin", b"inference.py", b"version https://git-lfs.github.com/spec/v1\n", b"def init(a", b"):\n  pass\n",
    b"from x import *\n", b"\x80\x02cos\nsystem\n.", b"PK\x03\x04", b'{"a":', b"[]", b"(",
]
PATHS = [
    DESCRIPTOR, *FILES, "config.json", "index.json", "model.safetensors", "w.pt", "a/b", "nul", "A.bin", "a.bin",
    "a b", "\udcff", "\x1b[2J", "a\nb", "\u202e", "..", "model.bin/x", "model.yaml/x", "-", "%0A", "::error::",
]
# fmt: on
FOLDERS = ["tiny/1.0", "tiny/1.1", "TINY/1.0", "../x", "tiny/latest", "tiny", "", "\udcff/1", "a\nb/1", "con/1.0"]
GOOD = FILES | {
    "config.json": b'{"architectures": ["BertForMaskedLM"]}',
    "index.json": json.dumps({"weight_map": {"weight": "model.safetensors"}}).encode(),
    "model.safetensors": a_safetensors(weight=("F32", [3])),
    "w.pt": pickle.dumps({"a": 1}, protocol=2),
}


@st.composite
def mutants(draw: st.DrawFn, seeds: st.SearchStrategy[bytes]) -> bytes:
    """A file with a few changes: something put in, taken out, moved, doubled or turned."""
    data = draw(seeds)
    for _ in range(draw(st.integers(1, 5))):
        start = draw(st.integers(0, len(data)))
        end = min(start + draw(st.sampled_from([0, 0, 1, 1, 2, 5, 20, 100])), len(data))
        data = data[:start] + draw(_patches(data)) + data[end:]
    return data


def _patches(data: bytes) -> st.SearchStrategy[bytes]:
    lines = data.split(b"\n")
    return st.one_of(
        st.just(b""),
        st.sampled_from(PIECES),
        st.lists(st.sampled_from(PIECES), max_size=4).map(b"".join),
        st.integers(0, len(lines) - 1).map(lambda number: lines[number] + b"\n"),
        st.tuples(st.integers(0, len(data)), st.integers(0, 60)).map(lambda cut: data[cut[0] : cut[0] + cut[1]]),
        st.binary(max_size=3),
    )


descriptors = st.sampled_from(DESCRIPTORS) | mutants(st.sampled_from(DESCRIPTORS))


@st.composite
def trees(draw: st.DrawFn) -> dict[str, bytes]:
    """The files of some versions, and of none, by path under the models' folder."""
    files: dict[str, bytes] = {}
    for folder in draw(st.lists(st.sampled_from(FOLDERS), min_size=1, max_size=3, unique=True)):
        kept = draw(st.sets(st.sampled_from(sorted(GOOD)), max_size=3))
        files |= {f"{folder}/{name}": data for name, data in GOOD.items() if name not in kept}
        files[f"{folder}/{DESCRIPTOR}"] = draw(descriptors)
        for name in draw(st.lists(st.sampled_from(PATHS), max_size=3)):
            seeds = st.sampled_from([GOOD.get(name, b""), *GOOD.values()])
            files[f"{folder}/{name}"] = draw(descriptors if name == DESCRIPTOR else mutants(seeds))
    return {path.lstrip("/"): data for path, data in files.items()}


_INDENTS = st.integers(0, 8).map(lambda count: " " * count)
# fmt: off
_WORDS = st.sampled_from([
    "a", "b: ", "c: d", "- ", "- e", "? f", ": g", "{h: i, j: [k]}", "[l, m]", "'n'", '"o\\n"', "|", ">-", "p\u00e9",
    "1", "1.5", "0x1f", "0o7", "true", "No", "~", "null", "", "#q", "r #s", "-1", "+.inf", ".nan", "12:30",
    "2024-01-01", "u:v",
])
# fmt: on
yamlish = st.lists(st.tuples(_INDENTS, _WORDS, _WORDS).map("".join), max_size=8).map("\n".join).map(str.encode)
