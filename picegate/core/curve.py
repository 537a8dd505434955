"""How fast a node is, as it has measured itself."""

from dataclasses import replace

from picegate.core.value import value


@value
class Rate:
    """Attributes:
    age_s: seconds since it was measured last.
    source: "self_test" or "work": measured for its own sake, or on answers.
    """

    tokens_per_s: float
    age_s: float
    source: str


@value
class DecodeRate(Rate):
    """`tokens_per_s` is that of all `sequences` together."""

    sequences: int


@value
class SpeedCurve:
    """As far as it was measured. `prefill`: of one prompt read alone; `decode`: by rising number of sequences."""

    prefill: Rate | None = None
    decode: tuple[DecodeRate, ...] = ()

    @property
    def one(self) -> float | None:
        """Tokens per second of a sequence that is decoded alone."""
        return next((rate.tokens_per_s for rate in self.decode if rate.sequences == 1), None)

    def later(self, seconds: float) -> "SpeedCurve":
        """The same, so many seconds older."""
        prefill = self.prefill and replace(self.prefill, age_s=self.prefill.age_s + seconds)
        return SpeedCurve(prefill, tuple(replace(rate, age_s=rate.age_s + seconds) for rate in self.decode))
