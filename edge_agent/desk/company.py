"""How many answers are served side by side, over time. Times are seconds of one clock that never goes back."""

HARDLY_ANYBODY = 0.1  # of a companion, on average


class Crowd:
    """So many at the same time."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0.0
        self._at = 0.0

    def enter(self, now: float) -> None:
        self.person_s(now)
        self._count += 1

    def leave(self, now: float) -> None:
        self.person_s(now)
        self._count -= 1

    def person_s(self, now: float) -> float:
        """Seconds spent here until now, everybody's added up: the difference of two, by time, is a mean number."""
        self._sum += self._count * (now - self._at)
        self._at = now
        return self._sum


class Company:
    """`served`: those who hold a slot; `decoding`: of them, those who have their first token and not yet their last."""

    def __init__(self) -> None:
        self.served = Crowd()
        self.decoding = Crowd()


class Visit:
    """One answer among the others, from the moment it has a slot. `leave` ends it, however it went.

    Attributes:
        prefill_s, decode_s: seconds to the first token, and from there to the last.
        alone: nobody else was served while its prompt was read.
        running: mean number of answers that were being decoded with it, itself included.
        undisturbed: nobody read a prompt while it was decoded, which would have slowed it down.
    """

    def __init__(self, company: Company, now: float) -> None:
        self.prefill_s = self.decode_s = 0.0
        self.alone = self.undisturbed = False
        self.running = 1.0
        self._company = company
        self._decoding = False
        company.served.enter(now)
        self._since(now)

    def first_token(self, now: float) -> None:
        self.prefill_s = now - self._began
        served, _ = self._means(now)
        self.alone = served <= 1 + HARDLY_ANYBODY
        self._decoding = True
        self._company.decoding.enter(now)
        self._since(now)

    def last_token(self, now: float) -> None:
        self.decode_s = now - self._began
        served, self.running = self._means(now)
        self.undisturbed = served - self.running <= HARDLY_ANYBODY
        self._stop_decoding(now)

    def leave(self, now: float) -> None:
        self._stop_decoding(now)
        self._company.served.leave(now)

    def _stop_decoding(self, now: float) -> None:
        if self._decoding:
            self._decoding = False
            self._company.decoding.leave(now)

    def _since(self, now: float) -> None:
        self._began = now
        self._marks = (self._company.served.person_s(now), self._company.decoding.person_s(now))

    def _means(self, now: float) -> tuple[float, float]:
        """Of those served and those decoding since the last mark."""
        spent = now - self._began
        if spent <= 0:
            return 1.0, 1.0
        served, decoding = self._marks
        company = self._company
        return (company.served.person_s(now) - served) / spent, (company.decoding.person_s(now) - decoding) / spent
