"""How long a node may be silent before it counts as broken: by its own pace, but never longer than the operator says.

The operator's limits must suit the slowest node there is. One that begins to write within half a second as a rule need
not be waited for as long.
"""

from picegate.core.plan import Pace
from picegate.core.value import value

LEAST_S = 3.0  # what a network may take to come back
SURE = 0.15  # a pace with more doubt than that is no measure; legs that are cut off would never mend it
_TOKENS = 40.0  # of its slowest pace, in silence
_READ_TOKENS = 1_500.0  # of somebody else's prompt, which may keep everyone in the batch waiting
_DOUBTS = 4.0  # the first token is late when it takes so many times as long as it should
_CHARACTERS = 2.0  # a token, at least


SLOW_S = 15.0  # later than planned, before the cloud goes on with what a node is writing
SLOWER = 2.0  # and only where the node would take so many times as long as the cloud


@value
class Patience:
    """Seconds to the first token, and between two."""

    first_token_s: float
    between_tokens_s: float


def patience(pace: Pace | None, slots: int, prompt_characters: int, most: Patience) -> Patience:
    """`most`: the operator's limits, which hold as they are where the pace is not well known."""
    if pace is None or pace.doubt > SURE:
        return most
    sure = 1.0 + pace.doubt
    between_s = max(LEAST_S, sure * (_TOKENS * pace.token_s(slots) + _READ_TOKENS * pace.prefill_s))
    first_s = between_s + _DOUBTS * sure * pace.begin_s(prompt_characters / _CHARACTERS)
    return Patience(min(most.first_token_s, first_s), min(most.between_tokens_s, between_s))
