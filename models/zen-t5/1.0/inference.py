"""Answers the first half of a line of the Zen of Python with the second."""

from __future__ import annotations

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

MAX_NEW_TOKENS = 30  # the model stops earlier, at the end of the line

_model: PreTrainedModel
_tokenizer: PreTrainedTokenizerBase


def init(model_path: str) -> None:
    """Load weights and tokenizer from the folder `model_path`."""
    global _model, _tokenizer
    _tokenizer = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _model = AutoModelForSeq2SeqLM.from_pretrained(model_path, local_files_only=True)


@torch.inference_mode()
def run(data: dict[str, str]) -> dict[str, str]:
    """Answer `data["prompt"]`; `output` is the second half alone."""
    encoded = _tokenizer(data["prompt"], return_tensors="pt")
    tokens = _model.generate(**encoded, max_new_tokens=MAX_NEW_TOKENS, do_sample=False)[0]
    return {"output": _tokenizer.decode(tokens, skip_special_tokens=True)}
