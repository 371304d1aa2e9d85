"""Cuts plain text into the examples that training.py learns from."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer

EXAMPLES = "examples.jsonl"
WINDOW = 2  # lines in one example: a line and the one after it
LONGEST = 128  # pieces: n_positions in config.json


def run(data_dir: str) -> None:
    """Read each `*.txt` in `data_dir`, one sentence a line; write one example a line to `examples.jsonl` there.

    An example is `{"input_ids": [...]}`. Raises `ValueError` where there is no text.
    """
    folder = Path(data_dir)
    tokenizer = Tokenizer.from_file(str(Path(__file__).with_name("tokenizer.json")))
    tokenizer.enable_truncation(LONGEST)
    texts = [text for path in sorted(folder.glob("*.txt")) for text in read_windows(path)]
    if not texts:
        raise ValueError(f"{folder} has no *.txt file with text in it")
    with (folder / EXAMPLES).open("w", encoding="utf-8") as examples:
        for encoding in tokenizer.encode_batch(texts):
            examples.write(json.dumps({"input_ids": encoding.ids}) + "\n")


def read_windows(path: Path) -> list[str]:
    """Each line of a file together with the line after it; empty lines do not count."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return ["\n".join(lines[start : start + WINDOW]) for start in range(len(lines))]
