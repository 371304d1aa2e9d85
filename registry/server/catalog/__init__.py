"""The catalog: what is registered, as pages for people."""

from registry.server.catalog.pages import router
from registry.server.catalog.render import render_problem_page

__all__ = ["render_problem_page", "router"]
