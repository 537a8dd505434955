"""Which engine to take. Nothing of llama.cpp is imported before this is asked."""

import os
from importlib.util import find_spec
from typing import Literal

from edge_agent.engine.batching import BatchingEngine
from edge_agent.engine.fake import FakeEngine
from edge_agent.engine.options import EngineOptions
from edge_agent.engine.port import Engine
from edge_agent.errors import EngineMissing

# How often a thread of libgomp looks whether the others have come before it sleeps; a step has hundreds of such
# meetings. By default threads spin for milliseconds, and where a neighbour takes a core, two of them may come to stand
# on the same one, each spinning away the other's time: a step of 40 ms was seen to take 3 s. Sleeping at once costs
# wake-ups.
SPIN_COUNT = "2000"

EngineName = Literal["llama", "prebuilt", "fake"]
EngineChoice = Literal["auto", "llama", "prebuilt", "fake"]


def installed(choice: EngineChoice) -> EngineName:
    """Which one `choice` comes to on this machine.

    Raises:
        EngineMissing: it is not installed.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", SPIN_COUNT)  # it is read when the library is loaded, which comes after this
    if choice == "fake":
        return "fake"
    if choice in ("auto", "llama") and find_spec("llama_cpp") and find_spec("jinja2"):
        return "llama"
    if choice in ("auto", "prebuilt") and find_spec("xllamacpp"):
        return "prebuilt"
    wanted = {"llama": "picegate[edge]", "prebuilt": "picegate[quick]"}.get(choice)
    if wanted:
        raise EngineMissing(f"the engine {choice!r} is not installed: pip install '{wanted}'")
    raise EngineMissing(
        "no engine is installed: pip install 'picegate[quick]' (prebuilt) or 'picegate[edge]' (compiled here)"
    )


def choose(choice: EngineChoice, options: EngineOptions) -> Engine:
    """The engine, not yet loaded. `auto`: llama-cpp-python where it is installed, else the prebuilt one.

    Raises:
        EngineMissing: it is not installed.
    """
    match installed(choice):
        case "fake":
            o = options
            return FakeEngine(name=o.name, context_tokens=o.context_tokens, slots=o.slots, token_s=o.fake_token_s)
        case "llama":
            from edge_agent.engine.llama import LlamaBackend

            return BatchingEngine(options, LlamaBackend, name=LlamaBackend.name)
        case "prebuilt":
            from edge_agent.engine.prebuilt import PrebuiltEngine

            return PrebuiltEngine(options)
