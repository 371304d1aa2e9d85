"""A repository-driven registrar for pretrained transformer models."""

__version__ = "0.1.0"
