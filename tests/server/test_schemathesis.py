"""What schemathesis makes of the OpenAPI document: requests that fit it and such that do not, alone and in a row."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from registry.tokens import make_token
from tests.build import FILES
from tests.server.conftest import Running, Start

TOOL = Path(sys.executable).with_name("schemathesis")
CHECKS = Path(__file__).with_name("schemathesis.toml")
EXAMPLES = os.environ.get("API_EXAMPLES", "30")  # of each operation: some 10 s
MODEL = "zen-gpt2/1.0"  # of the document's examples
VERSION = "/api/v1.0/model/{name}/{version}"


def document_of(running: Running, folder: Path) -> Path:
    """The document, whose example of a body names files that are there."""
    document = running.call("GET", "/openapi.json").json()
    body = document["paths"][VERSION]["put"]["requestBody"]["content"]["application/json"]
    targets = body["example"]["model_files"]
    running.store(MODEL, {target: FILES.get(target, b"weights") for target in targets})
    body["example"]["model_files"] = {target: running.file_url(MODEL, target) for target in targets}
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    return file


@pytest.mark.timeout(900)
def test_no_request_that_can_be_made_from_the_document_is_answered_otherwise(start: Start, tmp_path: Path) -> None:
    secret, _ = make_token("schemathesis", "write")
    running = start(token=secret)
    file = document_of(running, tmp_path)
    command = [TOOL, "--config-file", CHECKS, "run", file, "--url", running.url, "--max-examples", EXAMPLES]
    options = ["--header", f"Authorization: Bearer {secret}", "--seed", "1", "--no-color", "--checks", "all"]
    done = subprocess.run([*map(str, command), *options], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert "Operations:       11 selected" in done.stdout
    for phase in ("Examples", "Coverage", "Fuzzing", "Stateful"):
        assert f"✅ {phase}" in done.stdout
    assert running.call("GET", f"model/{MODEL}").status_code in (200, 410), "some requests went through"
    assert secret not in done.stdout
