"""What a token costs."""

from dataclasses import dataclass

from picegate.settings import CloudSettings, FleetSettings


@dataclass(frozen=True, slots=True)
class Prices:
    """All per million tokens, in `currency`. The edge has no price for input: its prefill is not billed by anyone."""

    input: float = 0.0
    cached_input: float = 0.0
    output: float = 0.0
    edge_output: float = 0.0
    currency: str = "USD"


def prices_of(cloud: CloudSettings, fleet: FleetSettings) -> Prices:
    return Prices(
        input=cloud.price_input,
        cached_input=cloud.price_input if cloud.price_cached_input is None else cloud.price_cached_input,
        output=cloud.price_output,
        edge_output=fleet.price_output,
        currency=cloud.currency,
    )
