"""A thousand versions, one of them poisoned: 999 are registered, and the one is named and pending."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.cli.context import make_run, open_place, settings_at
from registry.identity import ModelId
from registry.outcome import Outcomes
from registry.reconcile import reconcile
from registry.repository import Repository
from tests.build import FILES, a_descriptor, a_repository

VERSIONS = 1000
SCRIPT = FILES["inference.py"]
DESCRIPTOR = a_descriptor(
    model_config__inference_properties={"entry_script": "inference.py", "docker_image": "example.com/tiny:1"},
    model_files={"inference.py": "./inference.py", "index.md": "./inference.py"},
)


def with_changes(**changes: object) -> bytes:
    """The descriptor with something wrong in it."""
    return json.dumps(DESCRIPTOR | changes).encode()


# What a poisoned version's folder holds; None: the file is not there.
IN_GIT: Mapping[str, Mapping[str, bytes | None]] = {
    "no descriptor at all": {"model.yaml": None},
    "an empty descriptor": {"model.yaml": b""},
    "no YAML": {"model.yaml": b"model_config: [\n"},
    "bytes that are no text": {"model.yaml": b"\xff\xfe\x00"},
    "an unknown key": {"model.yaml": with_changes(tpye="ENCODER")},
    "a section that is a list": {"model.yaml": with_changes(model_metainfo=[])},
    "a file that is missing": {"inference.py": None},
    "a script that is none": {"inference.py": b"def init(:\n"},
    "a source that is not allowed": {"model.yaml": with_changes(model_files={"inference.py": "http://10.0.0.1/x"})},
}
IN_STORAGE: Mapping[str, Callable[[Path, ModelId], None]] = {
    "a folder where a file belongs": lambda root, model: (root / f"{model}/inference.py").mkdir(parents=True),
    "a file where the folder belongs": lambda root, model: _write(root / str(model), b""),
    "a damaged receipt": lambda root, model: _write(root / f".registry/receipts/{model}/1.json", b"garbage"),
    "a receipt of nothing": lambda root, model: _write(root / f".registry/receipts/{model}/1.json", b"{}"),
}


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def stream(names: list[ModelId], poisoned: ModelId, poison: Mapping[str, bytes | None]) -> Iterator[bytes]:
    """A commit of all versions, in the language of `git fast-import`."""
    yield b"commit refs/heads/main\ncommitter Ada <ada@example.com> 1767322645 +0000\ndata 3\nall\n"
    yield b"from refs/heads/main^0\n"
    whole = {"model.yaml": json.dumps(DESCRIPTOR).encode(), "inference.py": SCRIPT}
    for model in names:
        for name, content in {**whole, **(poison if model == poisoned else {})}.items():
            if content is not None:
                head = f"M 100644 inline models/{model}/{name}\ndata {len(content)}\n"
                yield head.encode() + content + b"\n"
        if model == poisoned and poison.get("model.yaml", b"") is None:
            yield f"M 100644 inline models/{model}/left.txt\ndata 1\nx\n".encode()


@contextmanager
def a_thousand(names: list[ModelId], poisoned: ModelId, poison: Mapping[str, bytes | None]) -> Iterator[Path]:
    """A repository that holds them."""
    with TemporaryDirectory() as folder:
        root = a_repository(Path(folder) / "repository")
        importer = ["git", "-C", str(root), "fast-import", "--quiet"]
        subprocess.run(importer, input=b"".join(stream(names, poisoned, poison)), check=True)
        yield root


def reconciled(root: Path, jobs: int) -> Outcomes:
    """How a run in this process ends."""
    repository = Repository(root)
    with open_place(repository, settings_at(repository, repository.commit("main"))) as place:
        run = make_run(place, jobs=jobs)
        return reconcile(run, "main", only=(), full=False, allow_rewind=False, timeout=5)


@pytest.mark.timeout(600)
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],  # an example takes seconds: what is found is not made smaller
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_one_poisoned_version_among_a_thousand_is_named_and_stops_no_other(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted({*IN_GIT, *IN_STORAGE})))
    names = [ModelId(f"model-{number // 10:03}", f"1.{number % 10}") for number in range(VERSIONS)]
    poisoned = data.draw(st.sampled_from(names))
    data.draw(st.randoms(use_true_random=False)).shuffle(names)
    jobs = data.draw(st.integers(1, 16))

    with a_thousand(names, poisoned, IN_GIT.get(kind, {})) as root:
        if spoil := IN_STORAGE.get(kind):
            spoil(root / ".registry/storage", poisoned)
        done = reconciled(root, jobs)
        state = json.loads((root / ".registry/storage/.registry/state.json").read_bytes())
        again = reconciled(root, jobs)
        shutil.rmtree(root)

    unhappy = [result for result in done.results if result.outcome != "registered"]
    assert [(result.model, result.outcome in ("refused", "failed")) for result in unhappy] == [(poisoned, True)]
    assert unhappy[0].reason
    assert (done.counts()["registered"], sum(done.counts().values())) == (VERSIONS - 1, VERSIONS)
    assert done.exit_code == (3 if unhappy[0].retryable else 1)
    assert list(state["pending"]) == [str(poisoned)]
    assert [result.model for result in again.results] == [poisoned]
    assert again.counts()["unchanged"] == VERSIONS - 1
