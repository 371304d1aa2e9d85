"""Says which atom of the starting materials became which atom of the product."""

from __future__ import annotations

from rxnmapper import RXNMapper

_mapper: RXNMapper


def init(model_path: str) -> None:
    """Load weights and vocabulary from the folder `model_path`."""
    global _mapper
    _mapper = RXNMapper({"model_path": model_path})


def run(data: dict[str, str]) -> dict[str, str | float]:
    """The reaction SMILES `data["reaction"]` with its atoms numbered, and how sure the model is, from 0 to 1."""
    [answer] = _mapper.get_attention_guided_atom_maps([data["reaction"]])
    return {"output": answer["mapped_rxn"], "confidence": answer["confidence"]}
