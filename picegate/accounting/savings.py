"""What a request cost, against what the cloud alone would have cost."""

from picegate.accounting.prices import Prices
from picegate.core.usage import Bill, LegKind, Tally, Tokens

MILLION = 1_000_000


def bill(tally: Tally, prices: Prices) -> Bill:
    """The bill of one request.

    With the prices `i` (input), `c` (cached input), `o` (output) and `e` (edge output), per token::

        cloud      = sum over cloud legs of (prompt - cached) * i + cached * c + completion * o
        edge       = sum over edge legs of completion * e
        cloud_only = P * ((1 - h) * i + h * c) + (A + R) * o

    `P` and `A` are the tokens of the client's own conversation and of the answer that the reader got. `h` is the share
    of the cloud legs' prompts that its prefix cache held: the cloud alone would have found about as much. `R` are the
    thinking tokens of the sketch, which the cloud would have spent on a whole answer, too.

    Where the cloud wrote everything there is nothing to estimate: `cloud_only` is then what it was paid. Where the
    reader got nothing, nothing was saved either.
    """
    cloud, edge_tokens, only_cloud = 0.0, 0, True
    for leg in tally.legs:
        only_cloud = only_cloud and leg.kind is LegKind.CLOUD
        if leg.is_cloud:
            cloud += _cloud_cost(leg.tokens, prices)
        else:
            edge_tokens += leg.tokens.completion
    edge = edge_tokens * prices.edge_output / MILLION
    if not tally.completion_tokens or only_cloud:
        return Bill(prices.currency, cloud, edge, cloud_only=cloud)
    prompt = sum(leg.tokens.prompt for leg in tally.cloud_legs)
    held = sum(leg.tokens.cached for leg in tally.cloud_legs) / prompt if prompt else 0.0
    thinking = sum(leg.tokens.reasoning for leg in tally.cloud_legs if leg.kind is LegKind.SKETCH)
    alone = Tokens(
        prompt=tally.prompt_tokens,
        cached=round(tally.prompt_tokens * min(held, 1.0)),
        completion=tally.completion_tokens + thinking,
    )
    return Bill(prices.currency, cloud, edge, cloud_only=_cloud_cost(alone, prices))


def _cloud_cost(tokens: Tokens, prices: Prices) -> float:
    cached = min(tokens.cached, tokens.prompt)
    return (
        (tokens.prompt - cached) * prices.input + cached * prices.cached_input + tokens.completion * prices.output
    ) / MILLION
