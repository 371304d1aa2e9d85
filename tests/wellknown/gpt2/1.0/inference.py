"""Goes on with a text."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

_loaded: dict[str, Any] = {}


def init(model_path: str) -> None:
    """Load weights and tokenizer from the folder `model_path`."""
    _loaded["tokenizer"] = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _loaded["model"] = AutoModelForCausalLM.from_pretrained(model_path, local_files_only=True)


@torch.inference_mode()
def run(data: dict[str, Any]) -> dict[str, str]:
    """Go on with `data["text"]` for `data["pieces"]` pieces."""
    encoded = _loaded["tokenizer"](data["text"], return_tensors="pt")
    tokens = _loaded["model"].generate(**encoded, max_new_tokens=data.get("pieces", 50))[0]
    return {"text": _loaded["tokenizer"].decode(tokens, skip_special_tokens=True)}
