"""Examples of bodies, parameters and answers; each is one that the endpoint takes or gives."""

from __future__ import annotations

from typing import Any

_FILES = {"inference.py": 812, "environment.yml": 96, "index.md": 1204, "model.safetensors": 566856}
_DIGEST = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0"
_HERE = "https://registry.example.com/api/v1.0/model/zen-gpt2/1.0/files/"
_THERE = "https://account.blob.core.windows.net/uploads/zen/"
_TIMES = {"created_time": "2026-01-02T03:04:05.678Z", "last_updated_time": "2026-01-02T03:04:05.678Z"}
_DEPRECATED = {"state": "deprecated", "reason": "It was trained on too little."}
_METAINFO = {
    "index_page_file": "index.md",
    "input_types": ["NATURAL_LANGUAGE"],
    "input_languages": ["en"],
    "input_description": "The first words of a line.",
    "output_types": ["NATURAL_LANGUAGE"],
    "output_languages": ["en"],
    "output_description": "The rest of the line.",
    "num_params": 141056,
}
_INFERENCE = {"entry_script": "inference.py", "conda_env": "environment.yml"}

REGISTRATION: dict[str, Any] = {
    "model_config": {
        "type": "DECODER",
        "description": "Completes a line of the Zen of Python.",
        "inference_properties": _INFERENCE,
    },
    "model_files": {target: f"{_THERE}{target}?sp=r&sig=…" for target in _FILES},
    "model_metainfo": _METAINFO,
    "provenance": {"license": "MIT"},
}
AMENDMENT: dict[str, Any] = {"model_config": {"private": False}, "provenance": {"lifecycle": _DEPRECATED}}
RECORD: dict[str, Any] = {
    "name": "zen-gpt2",
    "version": "1.0",
    "model_config": {
        **REGISTRATION["model_config"],
        "private": True,
        "inference_properties": {**_INFERENCE, "docker_image": None, "docker_registry": None},
        "training_properties": None,
        "preprocessing_properties": None,
    },
    "model_files": {t: {"url": f"{_HERE}{t}", "sha256": _DIGEST, "size": size} for t, size in _FILES.items()},
    "model_metainfo": {**_METAINFO, "images": []},
    "private_packages": [],
    "provenance": {"license": "MIT"},
    "lifecycle": {"state": "active", "reason": "", "replaced_by": None},
    **_TIMES,
}
SUMMARY: dict[str, Any] = {
    **{key: RECORD[key] for key in ("name", "version")},
    **{key: RECORD["model_config"][key] for key in ("type", "description", "private")},
    "num_params": 141056,
    "trainable": False,
    "license": "MIT",
    "state": "active",
    **{key: _METAINFO[key] for key in ("input_types", "input_languages", "output_types", "output_languages")},
    **_TIMES,
}
STATUS = {
    "state": "Finished",
    "message": "zen-gpt2/1.0 is registered",
    "start_time": _TIMES["created_time"],
    "last_updated_time": _TIMES["last_updated_time"],
}
HEALTH = {"status": "ok"}
READINESS = {"status": "ok", "instance": "5d41402abc4b2a76b9719d911017c592", "generation": 7}
PAGE = "# Zen\n\nCompletes a line of the Zen of Python.\n"
MEASURES = (
    '# TYPE registry_requests_total counter\nregistry_requests_total{method="GET",route="/healthz",status="200"} 1.0\n'
)

ANSWERS: dict[str, Any] = {
    "RegisteredVersion": RECORD,
    "Status": STATUS,
    "Summary": SUMMARY,
    "Health": HEALTH,
    "Readiness": READINESS,
}
ERRORS = [  # of a problem with findings
    {
        "pointer": "/model_config/inference_properties/entry_script",
        "detail": "`inference.py` is not in `model_files`",
        "rule": "entry-script-unknown",
    }
]
PARAMETERS: dict[str, Any] = {
    "name": "zen-gpt2",
    "version": "1.0",
    "target": "model.safetensors",
    "type": "DECODER",
    "input_type": "NATURAL_LANGUAGE",
    "output_type": "NATURAL_LANGUAGE",
    "language": "en",
    "license": "MIT",
    "trainable": False,
    "state": "active",
    "q": "zen",
    "limit": 100,
    "cursor": "emVuLWdwdDIvMS4w",
}
