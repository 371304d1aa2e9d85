"""Versions of models that everybody knows, described as their authors might: one folder each, `<name>/<version>`.

Their remote weights lie on a host that nobody asks, so the digests that pin them are those of the URLs.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.build import a_repository
from tests.heads import a_safetensors

HERE = Path(__file__).parent
MODELS = ("codebert-base-mlm/1.0", "bert-tiny-uncased/1.0", "gpt2/1.0", "qwen2.5-coder-7b/1.0", "opus-mt-en-de/1.0")
SETTINGS = """\
[tool.registry.policy]
sources = ["https://published.blob.core.windows.net/models/"]
docker_registries = {NLP = "registry.example.com"}
"""


def a_tree(folder: Path, *models: str) -> Path:
    """A repository with some of the models in its working tree."""
    repository = a_repository(folder, SETTINGS)
    for model in models:
        shutil.copytree(HERE / model, repository / "models" / model)
        if model == "bert-tiny-uncased/1.0":
            (repository / "models" / model / "model.safetensors").write_bytes(a_bert_tiny())
    return repository


def a_bert_tiny() -> bytes:
    """Weights of the shapes that the smallest BERT has under its masked-language head; all of them 0."""
    shapes = {
        "bert.embeddings.word_embeddings.weight": [30522, 128],
        "bert.embeddings.position_embeddings.weight": [512, 128],
        "bert.embeddings.token_type_embeddings.weight": [2, 128],
        **_norm("bert.embeddings.LayerNorm"),
        "cls.predictions.bias": [30522],
        **_dense("cls.predictions.transform.dense", 128, 128),
        **_norm("cls.predictions.transform.LayerNorm"),
    }
    for layer in ("bert.encoder.layer.0", "bert.encoder.layer.1"):
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _dense(f"{layer}.attention.{part}", 128, 128)
        shapes |= _norm(f"{layer}.attention.output.LayerNorm") | _norm(f"{layer}.output.LayerNorm")
        shapes |= _dense(f"{layer}.intermediate.dense", 512, 128) | _dense(f"{layer}.output.dense", 128, 512)
    return a_safetensors(**{name.replace(".", "__"): ("F16", shape) for name, shape in shapes.items()})


def _dense(name: str, outputs: int, inputs: int) -> dict[str, list[int]]:
    return {f"{name}.weight": [outputs, inputs], f"{name}.bias": [outputs]}


def _norm(name: str) -> dict[str, list[int]]:
    return {f"{name}.weight": [128], f"{name}.bias": [128]}
