"""From the measured curve to the words in which the gateway and operators hear of it."""

from edge_agent.engine.pace import Curve, Rate
from edge_agent.protocol import DecodeSpeed, Measured, Speed


def told(curve: Curve, now: float) -> Speed | None:
    """A curve in the protocol's words; None: it is empty."""

    def age(rate: Rate) -> float:
        return round(max(0.0, now - rate.at), 3)

    prefill = curve.prefill and Measured(
        tokens_per_s=curve.prefill.tokens_per_s, age_s=age(curve.prefill), source=curve.prefill.source
    )
    decode = tuple(
        DecodeSpeed(sequences=count, tokens_per_s=rate.tokens_per_s, age_s=age(rate), source=rate.source)
        for count, rate in curve.decode
    )
    return Speed(prefill=prefill, decode=decode) if curve else None
