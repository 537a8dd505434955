"""How fast the engine is: a curve of measured rates, and how real work moves it. Pure: time is a value.

Decode rates are those of all concurrent sequences TOGETHER: four sequences that get 10 tokens a second each are a rate
of 40 at 4.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

SIZES = (1, 2, 4, 8)  # numbers of sequences whose rate is reported, as far as there are slots
MIN_DECODED = 8  # tokens; shorter answers say little about speed
MIN_PREFILLED = 32  # tokens
DECODE_HALF_LIFE = 128.0  # tokens of real work after which half of an old estimate is forgotten
PREFILL_HALF_LIFE = 512.0
DEEPEST_DIP = 0.7  # of the rate of fewer: more sequences together may be slower, but not below this
SLOWEST, FASTEST = 1e-6, 1e9  # tokens/s; anything else is a clock's fault


class Source(StrEnum):
    SELF_TEST = "self_test"
    WORK = "work"


@dataclass(frozen=True, slots=True)
class Rate:
    """`at`: when it was measured last, seconds on the clock of whoever measured."""

    tokens_per_s: float
    at: float
    source: Source


@dataclass(frozen=True, slots=True)
class Curve:
    """What is known so far.

    Attributes:
        prefill: of one prompt that is read alone.
        decode: (sequences, rate of all of them together), by rising number.
    """

    prefill: Rate | None = None
    decode: tuple[tuple[int, Rate], ...] = ()

    def __bool__(self) -> bool:
        return self.prefill is not None or bool(self.decode)


def sizes(slots: int) -> tuple[int, ...]:
    """The numbers of sequences to measure at: 1, 2, 4, 8 as far as there are slots, and all slots at once."""
    return (*(size for size in SIZES if size < slots), slots)


class Pace:
    """Learns the curve of an engine with `slots` slots.

    Whatever is measured last is believed; other sizes are moved as far as they contradict it. Sequences do not get
    faster by company, and company costs no more than `DEEPEST_DIP` of the rate together.
    """

    def __init__(self, slots: int) -> None:
        self.sizes = sizes(slots)
        self._prefill: Rate | None = None
        self._decode: dict[int, Rate] = {}

    def curve(self) -> Curve:
        return Curve(self._prefill, tuple(sorted(self._decode.items())))

    def tested_prefill(self, tokens_per_s: float, now: float) -> None:
        """A self-test measured this: it replaces what was believed."""
        if _sound(tokens_per_s):
            self._prefill = Rate(tokens_per_s, now, Source.SELF_TEST)

    def tested_decode(self, sequences: int, tokens_per_s: float, now: float) -> None:
        """As `tested_prefill`; `sequences` is one of `sizes`, the rate that of all of them together."""
        if _sound(tokens_per_s):
            self._believe(sequences, Rate(tokens_per_s, now, Source.SELF_TEST))

    def worked_prefill(self, tokens: int, seconds: float, now: float) -> None:
        """`tokens` of a prompt that were not held already were read in this time, nobody else being served."""
        if tokens < MIN_PREFILLED or seconds <= 0 or not _sound(tokens / seconds):
            return
        seen, old = tokens / seconds, self._prefill
        if old is not None:
            seen = _drawn(old.tokens_per_s, seen, _weight(tokens, PREFILL_HALF_LIFE))
        self._prefill = Rate(seen, now, Source.WORK)

    def worked_decode(self, tokens: int, seconds: float, running: float, now: float) -> None:
        """One answer decoded `tokens` in this time, as one of `running` (a mean, at least 1) that were decoded."""
        if tokens < MIN_DECODED or seconds <= 0:
            return
        running = min(max(running, 1.0), float(self.sizes[-1]))
        together = tokens / seconds * running
        if not _sound(together):
            return
        low, high = _around(self.sizes, running)
        nearness = 1.0 if low == high else (high - running) / (high - low)
        weight = _weight(tokens, DECODE_HALF_LIFE)
        hints = self._hints(low, high, nearness, running, together)
        for size, near in ((low, nearness), (high, 1 - nearness)):
            old = self._decode.get(size)
            if old is not None and near > 0:
                self._believe(size, Rate(_drawn(old.tokens_per_s, hints[size], weight * near), now, Source.WORK))
            elif old is None and near >= 0.5:  # a size farther away is not begun with so weak a hint
                self._believe(size, Rate(hints[size], now, Source.WORK))

    def _hints(self, low: int, high: int, nearness: float, running: float, together: float) -> dict[int, float]:
        """What a rate seen between two sizes says about each of them."""
        below, above = self._decode.get(low), self._decode.get(high)
        if below is None or above is None:  # the least that it can be
            return {size: together * min(1.0, size / running) for size in (low, high)}
        expected = nearness * below.tokens_per_s + (1 - nearness) * above.tokens_per_s
        return {size: self._decode[size].tokens_per_s * together / expected for size in (low, high)}

    def _believe(self, size: int, rate: Rate) -> None:
        self._decode[size] = rate
        for other, old in self._decode.items():
            each_alike = rate.tokens_per_s * other / size
            if other > size:
                least, most = DEEPEST_DIP * rate.tokens_per_s, each_alike
            else:
                least, most = each_alike, rate.tokens_per_s / DEEPEST_DIP
            if other != size and not least <= old.tokens_per_s <= most:
                self._decode[other] = replace(old, tokens_per_s=min(max(old.tokens_per_s, least), most))


def _sound(tokens_per_s: float) -> bool:
    return SLOWEST <= tokens_per_s <= FASTEST


def _weight(tokens: int, half_life: float) -> float:
    """Of evidence that is so many tokens long."""
    return float(1 - 0.5 ** (tokens / half_life))


def _drawn(old: float, new: float, weight: float) -> float:
    """The old rate drawn towards the new one: a weighted geometric mean, since a machine slows down by factors."""
    return float(old * (new / old) ** weight)


def _around(known: tuple[int, ...], running: float) -> tuple[int, int]:
    """The sizes next to `running`, which lies within them."""
    return max(size for size in known if size <= running), min(size for size in known if size >= running)
