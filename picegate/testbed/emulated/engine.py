"""The pure model of a continuous-batching engine: no clock, no socket, no text. Times are seconds, given by the caller.

    engine.submit(sequence, now)            while idle, a step begins at once; else it joins at the next one
    happened = engine.advance(now)          every step that has ended by `now`, the next begun where one is due
    engine.ends                             when the step under way ends

A step writes one token for every sequence whose prompt is read, and reads at most `prefill_chunk` tokens of the others'
prompts, in order of admission. Of prompts that begin alike only the first is read whole: who shares more than a few
tokens with a prompt that is just being read waits, and takes them from memory.
"""

from collections import deque
from collections.abc import Sequence as Series
from dataclasses import dataclass

from picegate.testbed.emulated.prefix_cache import PrefixCache
from picegate.testbed.emulated.profile import EngineProfile

WORTH_WAITING = 16  # tokens; reading fewer twice costs less than a step of waiting


@dataclass(slots=True, eq=False)
class Sequence:
    """One prompt and how much is to be written for it.

    Attributes:
        new_tokens: length of the answer; 0 only reads the prompt (warming).
        cached: prompt tokens that were held already; None until its reading has begun.
        read: prompt tokens read or held.
        written: tokens of the answer so far.
    """

    prompt: Series[int]
    new_tokens: int
    cached: int | None = None
    read: int = 0
    written: int = 0
    cancelled: bool = False
    reserved: int = 0

    @property
    def has_read(self) -> bool:
        return self.cached is not None and self.read >= len(self.prompt)

    @property
    def done(self) -> bool:
        return self.has_read and self.written >= self.new_tokens


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step did for one sequence: a token was written, or its prompt was read and nothing is to be written."""

    at: float
    sequence: Sequence


@dataclass(slots=True)
class Work:
    """What an engine has done since it was made. Times are seconds."""

    steps: int = 0
    busy_s: float = 0.0  # with a step under way
    slot_s: float = 0.0  # steps weighted by the sequences that wrote in them
    written: int = 0
    read: int = 0
    cached: int = 0
    finished: int = 0
    cancelled: int = 0
    queued_most: int = 0


@dataclass(frozen=True, slots=True)
class _Step:
    began: float
    ends: float
    writing: tuple[Sequence, ...]
    reading: tuple[tuple[Sequence, int], ...]


class Engine:
    """Attribute `slowness`: every step takes this many times as long (a fault to be injected)."""

    def __init__(self, profile: EngineProfile) -> None:
        self.profile = profile
        self.slowness = 1.0
        self.work = Work()
        self.live: list[Sequence] = []
        self.queue: deque[Sequence] = deque()
        self._cache = PrefixCache(profile.block)
        self._step: _Step | None = None

    @property
    def ends(self) -> float | None:
        """When the step under way ends; None while idle."""
        return self._step.ends if self._step is not None else None

    @property
    def reserved(self) -> int:
        """Tokens of memory set aside for live sequences."""
        return sum(sequence.reserved for sequence in self.live)

    def submit(self, sequence: Sequence, now: float) -> None:
        """Queue a sequence. Call `advance(now)` before.

        Raises:
            ValueError: it could never fit.
        """
        if len(sequence.prompt) + sequence.new_tokens > min(self.profile.kv_tokens, self.profile.context_tokens):
            raise ValueError("prompt and answer are longer than the context")
        if not sequence.prompt:
            raise ValueError("an empty prompt")
        self.queue.append(sequence)
        self.work.queued_most = max(self.work.queued_most, len(self.queue))
        if self._step is None:
            self._begin(now)

    def cancel(self, sequence: Sequence) -> None:
        """Give a sequence up: from the queue at once, from its slot when the step under way ends."""
        if sequence.done or sequence.cancelled:
            return
        sequence.cancelled = True
        self.work.cancelled += 1
        if sequence in self.queue:
            self.queue.remove(sequence)

    def advance(self, now: float) -> list[Progress]:
        """End every step that is due by `now`. Steps follow one another without a gap, however late this is called."""
        happened: list[Progress] = []
        while self._step is not None and self._step.ends <= now:
            step, self._step = self._step, None
            self._end(step, happened)
            self._begin(step.ends)
        return happened

    def _begin(self, now: float) -> None:
        self.live = [sequence for sequence in self.live if not sequence.done and not sequence.cancelled]
        self._admit()
        writing = tuple(sequence for sequence in self.live if sequence.has_read)
        reading: list[tuple[Sequence, int]] = []
        room = self.profile.prefill_chunk
        for sequence in self.live:
            if sequence.has_read:
                continue
            if not room:
                break
            if sequence.cached is None:
                held = self._cache.match(sequence.prompt) if self.profile.shares_prefixes else 0
                if self.profile.shares_prefixes and self._being_read(sequence, reading) > held + WORTH_WAITING:
                    continue  # in the next step it is there to be shared
                sequence.cached = sequence.read = held
                self.work.cached += sequence.cached
            share = min(room, len(sequence.prompt) - sequence.read)
            reading.append((sequence, share))
            room -= share
        if writing or reading:
            length = self.profile.step_s(len(writing), sum(share for _, share in reading)) * self.slowness
            self._step = _Step(now, now + length, writing, tuple(reading))

    def _being_read(self, sequence: Sequence, reading: list[tuple[Sequence, int]]) -> int:
        """Tokens that a prompt shares with one that is read in this step."""
        return max((_common(sequence.prompt, other.prompt) for other, _ in reading), default=0)

    def _admit(self) -> None:
        """Strictly in order of arrival: one that does not fit holds up those behind, as it does in vLLM."""
        while self.queue and len(self.live) < self.profile.slots:
            first = self.queue[0]
            needed = len(first.prompt) + first.new_tokens
            if self.profile.shares_prefixes:
                needed -= self._cache.match(first.prompt)
            if self.reserved + needed > self.profile.kv_tokens:
                return
            first.reserved = needed
            self.live.append(self.queue.popleft())
            self._cache.shrink(self.profile.kv_tokens - self.reserved)

    def _end(self, step: _Step, happened: list[Progress]) -> None:
        length = step.ends - step.began
        work = self.work
        work.steps += 1
        work.busy_s += length
        work.slot_s += length * len(step.writing)
        for sequence, share in step.reading:
            sequence.read += share
            work.read += share
            if sequence.has_read and self.profile.shares_prefixes:
                self._cache.keep(sequence.prompt)
        self._cache.shrink(self.profile.kv_tokens - self.reserved)
        # Reading the last of a prompt begets the first token of the answer.
        for sequence in (*step.writing, *(sequence for sequence, _ in step.reading if sequence.has_read)):
            if sequence.cancelled:
                continue
            if sequence.new_tokens:
                sequence.written += 1
                work.written += 1
            if sequence.done:
                work.finished += 1
            happened.append(Progress(step.ends, sequence))


def _common(one: Series[int], other: Series[int]) -> int:
    """Tokens that two prompts begin with alike."""
    for position, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return position
    return min(len(one), len(other))
