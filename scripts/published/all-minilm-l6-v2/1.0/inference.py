"""Turns a text into a vector; the closer two texts are in meaning, the closer are their vectors."""

from __future__ import annotations

import torch
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

LONGEST = 256  # pieces, as sentence_bert_config.json says; the rest of a text is not read

_model: PreTrainedModel
_tokenizer: PreTrainedTokenizerBase


def init(model_path: str) -> None:
    """Load weights and tokenizer from the folder `model_path`."""
    global _model, _tokenizer
    _tokenizer = AutoTokenizer.from_pretrained(model_path, local_files_only=True)
    _model = AutoModel.from_pretrained(model_path, local_files_only=True)


@torch.inference_mode()
def run(data: dict[str, str]) -> dict[str, list[float]]:
    """The vector of `data["text"]`: 384 numbers, of length 1."""
    encoded = _tokenizer(data["text"], truncation=True, max_length=LONGEST, return_tensors="pt")
    mean = _model(**encoded).last_hidden_state[0].mean(0)
    return {"output": torch.nn.functional.normalize(mean, dim=0).tolist()}
