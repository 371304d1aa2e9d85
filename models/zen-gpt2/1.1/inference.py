"""Completes the first words of a line of the Zen of Python and adds the next line."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

MAX_NEW_TOKENS = 60  # the model stops earlier, at the end of the second line

_model: PreTrainedModel
_tokenizer: PreTrainedTokenizerBase


def init(model_path: str) -> None:
    """Load weights and tokenizer from the folder `model_path`."""
    global _model, _tokenizer
    _tokenizer = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _model = AutoModelForCausalLM.from_pretrained(model_path, local_files_only=True)


@torch.inference_mode()
def run(data: dict[str, Any]) -> dict[str, str]:
    """Complete `data["prompt"]`; `output` is both lines, the prompt included.

    `data["temperature"]`, 0 by default, above 0 draws each piece at random: the higher, the more freely.
    """
    encoded = _tokenizer(data["prompt"], return_tensors="pt", add_special_tokens=False)
    temperature = float(data.get("temperature", 0))
    choice = {"do_sample": True, "temperature": temperature} if temperature > 0 else {"do_sample": False}
    tokens = _model.generate(**encoded, max_new_tokens=MAX_NEW_TOKENS, **choice)[0]
    return {"output": _tokenizer.decode(tokens, skip_special_tokens=True)}
