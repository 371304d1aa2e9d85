"""Renderings of findings, changes, plans and outcomes: text from values, without time, colour or disk."""
