"""Trains the model on the examples that preprocessing.py wrote.

The output folder gets all that inference.py loads, and `metrics.json` with the first and the last loss.
"""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

HERE = Path(__file__).parent
IGNORED = -100  # the label that PyTorch's cross-entropy leaves out

logger = logging.getLogger("training")

Batch = dict[str, torch.Tensor]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, default=Path("data"), help="the folder with examples.jsonl")
    parser.add_argument("--model-dir", type=Path, default=HERE, help="the model to start from")
    parser.add_argument("--output-dir", type=Path, default=Path("outputs"))
    parser.add_argument("--from-scratch", action="store_true", help="keep the model's shape, forget its weights")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--learning-rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-v", "--verbose", action="store_true", help="log the loss of every tenth step")
    return parser.parse_args()


def load_model(folder: Path, *, from_scratch: bool) -> PreTrainedModel:
    """The model in `folder`, or a new one of its shape."""
    if from_scratch:
        return AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder, local_files_only=True))
    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)


def load_batch(path: Path, pad: int) -> Batch:
    """All examples of a file as one batch, shorter ones filled up with `pad`."""
    with path.open(encoding="utf-8") as lines:
        examples = [torch.tensor(json.loads(line)["input_ids"]) for line in lines]
    ids = torch.nn.utils.rnn.pad_sequence(examples, batch_first=True, padding_value=pad)
    mask = (ids != pad).long()
    return {"input_ids": ids, "attention_mask": mask, "labels": ids.masked_fill(mask == 0, IGNORED)}


def train(model: PreTrainedModel, batch: Batch, *, steps: int, rate: float) -> list[float]:
    """Train in place; return the loss of each step."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    losses: list[float] = []
    model.train()
    for step in range(1, steps + 1):
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        if step % 10 == 0:
            logger.info("step %d: loss %.4f", step, losses[-1])
    return losses


def write_metrics(path: Path, losses: Sequence[float]) -> None:
    """Say how far training came."""
    path.write_text(json.dumps({"steps": len(losses), "first_loss": losses[0], "last_loss": losses[-1]}) + "\n")


def main() -> None:
    arguments = parse_arguments()
    logging.basicConfig(format="%(message)s")
    logger.setLevel(logging.INFO if arguments.verbose else logging.WARNING)
    torch.manual_seed(arguments.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model_dir, local_files_only=True)
    model = load_model(arguments.model_dir, from_scratch=arguments.from_scratch)
    batch = load_batch(arguments.data_dir / "examples.jsonl", tokenizer.pad_token_id)
    losses = train(model, batch, steps=arguments.steps, rate=arguments.learning_rate)
    model.save_pretrained(arguments.output_dir)
    tokenizer.save_pretrained(arguments.output_dir)
    write_metrics(arguments.output_dir / "metrics.json", losses)


if __name__ == "__main__":
    main()
