"""Nodes of a few speeds and models."""

from dataclasses import replace

from picegate.core.plan import NodeView, Pace

FAST = Pace(0.05, 1 / 900, 0.02, 0.003)
SLOW = Pace(0.05, 1 / 900, 0.06, 0.003)
GLACIAL = Pace(0.05, 1 / 900, 2.0, 0.0)


def view(name: str, pace: Pace | None = FAST, *, slots: int = 4, free: int = 4, context: int | None = None) -> NodeView:
    return NodeView(name, name, "http://n/v1", "m", slots, free, pace=pace, context_tokens=context)


def by(model: str, node: NodeView) -> NodeView:
    return replace(node, model=model)


GOOD, BAD = by("good", view("good")), by("bad", view("bad"))
FEARED = {"bad": 0.6}
