"""Completes programs."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

_loaded: dict[str, Any] = {}


def init(model_path: str) -> None:
    """Load weights and tokenizer from the folder `model_path`, on whatever devices there are."""
    _loaded["tokenizer"] = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _loaded["model"] = AutoModelForCausalLM.from_pretrained(
        model_path, local_files_only=True, torch_dtype=torch.bfloat16, device_map="auto"
    )


@torch.inference_mode()
def run(data: dict[str, str]) -> dict[str, str]:
    """Complete the program in `data["code"]`."""
    encoded = _loaded["tokenizer"](data["code"], return_tensors="pt").to(_loaded["model"].device)
    tokens = _loaded["model"].generate(**encoded, max_new_tokens=256)[0, encoded.input_ids.shape[1] :]
    return {"code": _loaded["tokenizer"].decode(tokens, skip_special_tokens=True)}
