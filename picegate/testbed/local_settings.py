"""The gateway's settings for a system on one machine, as the TOML file that it reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Sections = Mapping[str, Mapping[str, Any]]

# Passages are scored, and points that nobody reads yet get a second candidate from another model.
ENSEMBLE: Sections = {"quality": {"repair": True, "ensemble": "slack", "candidates": 2}}

HEAD = "# Written by the testbed, anew each time. Prices are an assumption: see `picegate demo --help`.\n"


def local_sections(
    folder: Path, port: int, cloud: Mapping[str, Any], prices: tuple[float, float, float, float], *, repair: bool
) -> dict[str, dict[str, Any]]:
    """`cloud`: base_url, model and guided; `prices`: per million tokens of input, cached input, output, edge output.

    Secrets are no part of it: they come through the environment.
    """
    price_input, price_cached, price_output, price_edge = prices
    return {
        "server": {"host": "127.0.0.1", "port": port},
        "access": {"require_key": False},
        "cloud": {
            **cloud,
            "price_input": price_input,
            "price_cached_input": price_cached,
            "price_output": price_output,
        },
        # All processes share this machine's cores, so a first token may wait for the others.
        "fleet": {"price_output": price_edge, "first_token_s": 60.0, "between_tokens_s": 30.0},
        "progressive": {"show_sketch": True, "max_point_words": 80, "slot_wait_s": 60.0},
        "quality": {"repair": repair, "ensemble": "never"},
        "storage": {"url": f"sqlite:///{folder.resolve() / 'ledger.db'}"},
    }


def laid_over(sections: Sections, wished: Sections) -> dict[str, dict[str, Any]]:
    """`sections` with the wished values in place of theirs, setting by setting."""
    return {name: {**sections.get(name, {}), **wished.get(name, {})} for name in (*sections, *wished)}


def as_toml(sections: Sections) -> str:
    """JSON's strings, numbers, booleans and lists are TOML's as well; that is all that settings here are made of."""
    lines = [HEAD]
    for name, values in sections.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items()), ""]
    return "\n".join(lines)
