"""Records of requests as GET /admin/v1/requests/{id} gives them."""

from typing import Any

Record = dict[str, Any]


def leg(kind: str, where: str, started_s: float, first_s: float | None, ended_s: float, **other: Any) -> Record:
    """`confidence`: of a leg that was scored."""
    confidence = other.pop("confidence", None)
    quality = None if confidence is None else {"confidence": confidence, "defects": {}, "mean_logprob": None}
    return {
        "kind": kind,
        "where": where,
        "model": "small",
        "point": None,
        "end": "done",
        "error": None,
        "started_s": started_s,
        "first_token_s": first_s,
        "ended_s": ended_s,
        "waited_s": None,
        "prompt_tokens": 100,
        "cached_tokens": 0,
        "completion_tokens": 0 if first_s is None else 60,
        "quality": quality,
        "kept": None,
        **other,
    }


def passage(point: int, opened_s: float, turn_s: float | None, done_s: float | None, **other: Any) -> Record:
    return {
        "segment": point + 1,
        "point": point,
        "words": 60,
        "opened_s": opened_s,
        "turn_s": turn_s,
        "done_s": done_s,
        "writer": "orin-1",
        "attempts": 1,
        "stood_in": False,
        "candidates": 1,
        "why": "",
        "stall": None,
        **other,
    }


def option(
    mode: str, level: int, finish_s: float, cloud: int, edge: int, cost: float, out: str | None = None, **other: Any
) -> Record:
    return {
        "mode": mode,
        "level": level,
        "points": 4 if level else 0,
        "first_token_s": 0.4,
        "finish_s": finish_s,
        "cloud_tokens": cloud,
        "edge_tokens": edge,
        "again_tokens": {"cloud": 0, "edge": 0},
        "cost": cost,
        "out": out,
        "chosen": False,
        **other,
    }


def request(*legs: Record, passages: tuple[Record, ...] = (), **other: Any) -> Record:
    return {
        "request_id": "req-1",
        "at": "2026-03-01T12:00:00Z",
        "model": "pice",
        "mode": "progressive",
        "level": 2,
        "reason": "long_answer",
        "finish_reason": "stop",
        "error": None,
        "completion_tokens": 324,
        "cloud_completion_tokens": 105,
        "edge_completion_tokens": 263,
        "first_token_s": 1.0,
        "total_s": 10.0,
        "currency": "USD",
        "cost": 0.001631,
        "cloud_only_cost": 0.003278,
        "prompt": None,
        "legs": list(legs),
        "passages": list(passages),
        "stalls": [],
        "forecast": None,
        **other,
    }


def eventful() -> Record:
    """All that can happen to passages: a hedge, a repair, candidates, a wait, notes that stand in."""
    return request(
        leg("sketch", "cloud", 0.3, 1.0, 4.0, waited_s=0.3, completion_tokens=105),
        leg("warm", "orin-1", 0.0, None, 0.9),
        leg("warm", "東京の箱", 0.0, None, 1.2),
        leg("expand", "orin-1", 2.0, 2.3, 5.0, point=0, confidence=0.91, kept=True),
        leg("expand", "東京の箱", 2.5, None, 4.1, point=1, end="cancelled"),
        leg("hedge", "orin-1", 3.5, 4.0, 6.0, point=1, confidence=0.31, kept=False),
        leg("verify", "cloud", 6.1, 6.5, 7.4, point=1, confidence=0.92, kept=True),
        leg("expand", "orin-1", 4.5, 5.1, 7.0, point=2, waited_s=1.5, confidence=0.7, kept=False),
        leg("verify", "東京の箱", 4.6, 5.0, 6.8, point=2, confidence=0.84, kept=True),
        leg("hedge", "cloud", 5.0, None, 8.2, point=3, end="failed", error="cloud_timeout"),
        passages=(
            passage(0, 2.0, 1.9, 5.0),
            passage(1, 2.5, 5.0, 7.5, writer="cloud", attempts=2),
            passage(2, 3.0, 7.5, 7.5, writer="東京の箱", candidates=2, why="the point is hard and slots are free"),
            passage(3, 3.4, 7.5, 8.2, writer="cloud", stood_in=True),
        ),
        stalls=[{"segment": 2, "times": 3, "total_s": 2.9, "from_s": 5.0, "longest_s": 2.4}],
        forecast={
            "answer_tokens_p10": 180,
            "answer_tokens_p50": 310,
            "answer_tokens_p90": 560,
            "first_token_s": 0.4,
            "finish_s": 6.0,
            "numbers": {"cloud_price_ms": 1.25, "edge_price_ms": 0.1, "spared_s": 2.5},
            "delegable": 0.82,
            "chained": 0.1,
            "hard": 0.0,
            "options": [
                option("cloud", 0, 9.3, 417, 0, 12.1),
                option("progressive", 2, 6.0, 105, 263, 8.0, chosen=True),
                option("edge", 0, 20.0, 0, 417, 30.0, out="too hard for a small model"),
            ],
        },
    )
