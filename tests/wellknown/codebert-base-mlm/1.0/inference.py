"""Fills in a masked piece of a program or of the sentence that describes it."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer

_loaded: dict[str, Any] = {}


def init(model_path: str) -> None:
    """Load weights and tokenizer from the folder `model_path`."""
    _loaded["tokenizer"] = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _loaded["model"] = AutoModelForMaskedLM.from_pretrained(model_path, local_files_only=True)


@torch.inference_mode()
def run(data: dict[str, str]) -> dict[str, str]:
    """Name the likeliest piece for the first mask in `data["text"]`."""
    tokenizer = _loaded["tokenizer"]
    encoded = tokenizer(data["text"], return_tensors="pt", truncation=True)
    place = (encoded.input_ids[0] == tokenizer.mask_token_id).nonzero()[0, 0]
    best = _loaded["model"](**encoded).logits[0, place].argmax()
    return {"piece": tokenizer.decode([best.item()])}
