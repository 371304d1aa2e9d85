"""Trains the model on the pairs that preprocessing.py wrote."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForMaskedLM, AutoTokenizer, DataCollatorForLanguageModeling


def main() -> None:
    """Train for some epochs and save the weights beside the data."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data-dir", type=Path, default=Path("data"))
    parser.add_argument("--model-dir", default=str(Path(__file__).parent))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=5e-5)
    parser.add_argument("--mask", type=float, default=0.15)
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(arguments.model_dir)
    model = AutoModelForMaskedLM.from_pretrained(arguments.model_dir)
    mask = DataCollatorForLanguageModeling(tokenizer, mlm_probability=arguments.mask)
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.learning_rate)
    lines = (arguments.data_dir / "pairs.jsonl").read_text("utf-8").splitlines()
    for _ in range(arguments.epochs):
        for pair in map(json.loads, lines):
            loss = model(**mask([tokenizer(pair["text"], pair["code"], truncation=True)])).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    model.save_pretrained(arguments.data_dir / "trained")


if __name__ == "__main__":
    main()
