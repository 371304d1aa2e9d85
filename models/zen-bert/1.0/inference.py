"""Fills in a masked piece of a line of the Zen of Python."""

from __future__ import annotations

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

_model: PreTrainedModel
_tokenizer: PreTrainedTokenizerBase


def init(model_path: str) -> None:
    """Load weights and tokenizer from the folder `model_path`."""
    global _model, _tokenizer
    _tokenizer = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _model = AutoModelForMaskedLM.from_pretrained(model_path, local_files_only=True)


@torch.inference_mode()
def run(data: dict[str, str]) -> dict[str, str]:
    """Name the likeliest piece for the first `<mask>` in `data["prompt"]`, with the space that belongs to it."""
    encoded = _tokenizer(data["prompt"], return_tensors="pt")
    places = (encoded.input_ids[0] == _tokenizer.mask_token_id).nonzero()
    if not len(places):
        raise ValueError("the prompt has no <mask>")
    best = _model(**encoded).logits[0, places[0, 0]].argmax()
    return {"output": _tokenizer.decode([best.item()])}
