"""The text of one answer in the making: from sampled tokens to the pieces that are shown."""

from edge_agent.engine.backend import Backend
from edge_agent.engine.batch import Sampled
from edge_agent.engine.port import Counts, FinishReason, Job, Piece, TokenLogprob
from edge_agent.engine.sequence import Sequence
from edge_agent.engine.text import TextGate


class Passage:
    """Attribute `stopped`: a stop string came, no more tokens are wanted."""

    def __init__(self, job: Job, backend: Backend) -> None:
        self._gate = TextGate(job.stop)
        self._backend = backend
        self._wants_logprobs = job.top_logprobs is not None
        self._wants_mean = job.mean_logprob
        self._logprobs: list[TokenLogprob] = []
        self._sum = 0.0
        self._drawn = 0
        self._ended = False

    @property
    def stopped(self) -> bool:
        return self._gate.stopped

    def feed(self, sampled: Sampled) -> Piece | None:
        """What can be shown now. Logprobs come with the text of their tokens, or after it."""
        if sampled.ends:
            self._ended = True
            return None
        self._drawn += 1
        self._sum += sampled.logprob or 0.0
        if self._wants_logprobs:
            self._logprobs.append(self._entry(sampled))
        text = self._gate.feed(self._backend.text(sampled.token))
        if not text:
            return None
        if self._gate.holds_back or self._gate.stopped:
            return Piece(text)
        piece = Piece(text, tuple(self._logprobs))
        self._logprobs.clear()
        return piece

    def finish(self, sequence: Sequence) -> Piece:
        """The last piece."""
        rest = self._gate.flush()
        reason: FinishReason = "stop" if self._ended or self._gate.stopped else "length"
        mean = self._sum / self._drawn if self._wants_mean and self._drawn else None
        counts = Counts(len(sequence.prompt), len(sequence.generated), sequence.cached or 0, mean)
        logprobs = () if self._gate.stopped else tuple(self._logprobs)
        return Piece(rest, logprobs, finish_reason=reason, counts=counts)

    def _entry(self, sampled: Sampled) -> TokenLogprob:
        top = tuple(self._token(token, logprob) for token, logprob in sampled.top)
        return self._token(sampled.token, sampled.logprob or 0.0, top)

    def _token(self, token: int, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        raw = self._backend.piece(token)
        return TokenLogprob(raw.decode(errors="replace"), tuple(raw), logprob, top)
