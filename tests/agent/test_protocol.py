"""Agents and gateways of different age understand each other, and nonsense is no measurement."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from edge_agent.protocol import Heartbeat, Register, Speed

CARD = {"name": "box", "url": "http://box/v1", "model": "m", "slots": 4, "context_tokens": 4096}
RATE = {"tokens_per_s": 20.0, "sequences": 1}


def test_a_peer_that_says_nothing_of_its_speed_is_understood() -> None:
    assert Register.model_validate(CARD).speed is None
    assert Heartbeat.model_validate({}).speed is None
    assert Heartbeat.model_validate({"speed": None}).speed is None


def test_what_a_newer_peer_says_beyond_is_not_looked_at() -> None:
    newer = {"decode": [{**RATE, "watts": 7, "source": "a new way to measure"}], "embedding": {"tokens_per_s": 9}}
    speed = Speed.model_validate(newer)
    assert (speed.prefill, speed.decode[0].source) == (None, "a new way to measure")


def test_it_comes_back_from_the_wire_as_it_was_sent() -> None:
    sent = Heartbeat(speed=Speed.model_validate({"prefill": {"tokens_per_s": 260.0, "age_s": 3}, "decode": [RATE]}))
    assert Heartbeat.model_validate_json(sent.model_dump_json()) == sent
    assert len(sent.model_dump_json()) < 500


@pytest.mark.parametrize(
    "speed",
    [
        {"prefill": {"tokens_per_s": 0}},
        {"prefill": {"tokens_per_s": -3}},
        {"prefill": {"tokens_per_s": float("nan")}},
        {"prefill": {"tokens_per_s": float("inf")}},
        {"prefill": {"tokens_per_s": 3, "age_s": -1}},
        {"prefill": {"tokens_per_s": 3, "source": "x" * 33}},
        {"decode": [{"tokens_per_s": 3}]},
        {"decode": [{**RATE, "sequences": 0}]},
        {"decode": [{**RATE, "sequences": 1025}]},
        {"decode": [RATE, RATE]},
        {"decode": [{**RATE, "sequences": 2}, RATE]},
        {"decode": [{**RATE, "sequences": n} for n in range(1, 18)]},
    ],
)
def test_what_cannot_have_been_measured_is_refused(speed: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Heartbeat.model_validate_json(json.dumps({"speed": speed}))
