"""Translates English into German."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

_loaded: dict[str, Any] = {}


def init(model_path: str) -> None:
    """Load weights and both vocabularies from the folder `model_path`."""
    _loaded["tokenizer"] = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _loaded["model"] = AutoModelForSeq2SeqLM.from_pretrained(model_path, local_files_only=True)


@torch.inference_mode()
def run(data: dict[str, list[str]]) -> dict[str, list[str]]:
    """Translate each of `data["sentences"]`."""
    encoded = _loaded["tokenizer"](data["sentences"], return_tensors="pt", padding=True)
    tokens = _loaded["model"].generate(**encoded)
    return {"sentences": _loaded["tokenizer"].batch_decode(tokens, skip_special_tokens=True)}
