"""Splices into the text of a descriptor: what is not spliced stays to the byte."""
