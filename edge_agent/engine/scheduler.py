"""Who is decoded next. Pure: no clock, no model, no thread.

    batch = scheduler.next()
    scheduler.commit(batch, backend.decode(batch))

Every live sequence that writes gets its one token in every step. Beside them at most `chunk` tokens of prompts are
read, so that no stream waits longer than that takes; where no stream waits, steps are larger.

Prompts that begin alike are read once: who comes second waits until the first has read what they share, and takes it
from there.
"""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.engine.batch import Batch, Copy, Free, Run, Sampled
from edge_agent.engine.prefix import Hit, PrefixTree, common
from edge_agent.engine.sequence import NO_ID, Phase, Sequence, Urgency

WORTH_WAITING = 16  # tokens; reading fewer again costs less than a step of waiting


@dataclass(frozen=True, slots=True)
class Limits:
    """Attributes:
    slots: sequences live at once.
    cells: tokens that the backend's memory has room for, all sequences together.
    chunk: tokens of prompts read in one step beside running streams.
    chunk_alone: likewise while nothing is being written; at least `chunk`.
    ids: sequences that the backend can tell apart, live and kept; at least `slots`.
    kept: cells that may be held for later, where nobody live shares them.
    shares: cells may be shared, and kept for later.
    """

    slots: int
    cells: int
    chunk: int
    chunk_alone: int
    ids: int
    kept: int
    shares: bool = True


class Scheduler:
    """Attributes:
    live: sequences that hold a slot, in the order they came.
    evicted: tokens that were kept for later and had to make room.
    """

    def __init__(self, limits: Limits) -> None:
        self.live: list[Sequence] = []
        self.evicted = 0
        self._limits = limits
        self._queues: dict[Urgency, list[Sequence]] = {urgency: [] for urgency in Urgency}
        self._tree = PrefixTree()
        self._free_ids = list(range(limits.ids - 1, -1, -1))
        self._edits: list[Copy | Free] = []
        self._orders = 0

    @property
    def has_work(self) -> bool:
        return bool(self.live) or any(self._queues.values())

    @property
    def waiting(self) -> int:
        """Sequences that are queued."""
        return sum(len(queue) for queue in self._queues.values())

    @property
    def cells(self) -> int:
        """Tokens held, shared ones counted once."""
        return self._tree.cells

    def add(self, sequence: Sequence) -> None:
        """Queue it. Its `reserve` must not exceed the memory's cells."""
        self._orders += 1
        sequence.order = self._orders
        self._queue(sequence)

    def _queue(self, sequence: Sequence) -> None:
        insort(self._queues[sequence.urgency], sequence, key=lambda queued: (queued.priority, queued.order))

    def next(self) -> Batch:
        """The next step. It may have edits alone, or nothing at all."""
        self._admit()
        runs = [Run(s, [s.generated[-1]], s.done, samples=True) for s in self.live if s.phase is Phase.DECODE]
        reading = [s for s in self.live if s.phase is Phase.PREFILL and self._ready(s)]
        warmed = tuple(s for s in reading if s.remaining == 0)
        for sequence in warmed:
            self.leave(sequence)
        chunk = self._limits.chunk if runs else self._limits.chunk_alone
        runs += _shared_out([s for s in reading if s.remaining], chunk)
        need = sum(len(run.tokens) for run in runs)
        while self._tree.cells + need > self._limits.cells:
            evicted = self._evict(self._tree.evict)
            if evicted is None:
                raise AssertionError("what is live fits, for it was admitted by its reserve")
            self._let_go(evicted)
        edits, self._edits = tuple(self._edits), []
        return Batch(edits, tuple(runs), warmed)

    def commit(self, batch: Batch, sampled: list[Sampled]) -> None:
        """The batch was decoded. `sampled`: one for every run that samples, in order.

        Sequences that came to their end or their limit are left; whoever ends for another reason is for `leave`.
        """
        drawn = iter(sampled)
        for run in batch.runs:
            sequence = run.sequence
            sequence.done += len(run.tokens)
            self._tree.extend(sequence.id, run.tokens)
            if run.samples:
                draw = next(drawn)
                sequence.generated.append(draw.token)
                sequence.phase = Phase.DECODE
                if draw.ends or len(sequence.generated) == sequence.limit:
                    self.leave(sequence)
            elif sequence.remaining == 0:
                self.leave(sequence)

    def leave(self, sequence: Sequence, *, keep: bool = True) -> None:
        """It is done, or nobody wants it any more: its slot is free. Does nothing when it has left already.

        `keep`: what it has computed may serve others until the room is needed.
        """
        if sequence.phase is Phase.QUEUED:
            self._queues[sequence.urgency].remove(sequence)
        elif sequence.phase is not Phase.DONE:
            self._give_slot_back(sequence, keep=keep)
        sequence.phase = Phase.DONE

    def _give_slot_back(self, sequence: Sequence, *, keep: bool) -> None:
        self.live.remove(sequence)
        seq, sequence.id = sequence.id, NO_ID
        if seq not in self._tree:
            self._free_ids.append(seq)
        elif keep and self._limits.shares and self._tree.length(seq):
            self._tree.keep(seq)
            while self._tree.idle > self._limits.kept and (evicted := self._evict(self._tree.evict)) is not None:
                self._let_go(evicted)
        else:
            self._tree.drop(seq)
            self._let_go(seq)

    def _evict(self, way: Callable[[], int | None]) -> int | None:
        before = self._tree.cells
        gone = way()
        self.evicted += before - self._tree.cells
        return gone

    def _let_go(self, seq: int) -> None:
        self._edits.append(Free(seq))
        self._free_ids.append(seq)

    def _admit(self) -> None:
        for urgency, queue in self._queues.items():
            while queue and self._room_for(queue[0], urgency):
                sequence = queue.pop(0)
                sequence.phase = Phase.PREFILL
                sequence.id = self._take_id()
                self.live.append(sequence)
                self._look_for_leader(sequence)

    def _room_for(self, sequence: Sequence, urgency: Urgency) -> bool:
        """Whether it can go live now; warming steps aside for real work."""
        while self._is_full_for(sequence):
            yielding = [s for s in self.live if s.urgency > urgency]
            if not yielding:
                return False
            last = yielding[-1]
            self._give_slot_back(last, keep=True)
            last.phase, last.done, last.leader = Phase.QUEUED, 0, None
            self._queue(last)
        return True

    def _is_full_for(self, sequence: Sequence) -> bool:
        reserved = sum(s.reserve for s in self.live)
        return len(self.live) == self._limits.slots or reserved + sequence.reserve > self._limits.cells

    def _take_id(self) -> int:
        if not self._free_ids:
            evicted = self._evict(self._tree.evict_cheaply)
            if evicted is None:
                raise AssertionError("ids that are not live are kept or free")
            self._let_go(evicted)
        return self._free_ids.pop()

    def _look_for_leader(self, sequence: Sequence) -> None:
        """Somebody older who is about to read what `sequence` would have to read as well."""
        if not self._limits.shares:
            return
        hit = self._tree.match(sequence.prompt)
        known = min(hit.length, sequence.reusable) if hit else 0
        older = [s for s in self.live if s.phase is Phase.PREFILL and s.order < sequence.order]
        ahead = [(min(common(s.prompt, sequence.prompt), sequence.reusable), s) for s in older]
        most = max((shared for shared, _ in ahead), default=0)
        sequence.leader = None
        if most - known < WORTH_WAITING:
            return
        # The oldest of those that are about as good, so that many do not wait for one another in a row.
        sequence.shared, leader = next((n, s) for n, s in ahead if n > most - WORTH_WAITING)
        if leader.done < sequence.shared:
            sequence.leader = leader
            leader.urgency = min(leader.urgency, sequence.urgency)

    def _ready(self, sequence: Sequence) -> bool:
        """Whether it can be read from now; takes what others hold of it when its time has come."""
        if sequence.id in self._tree:
            return True
        leader = sequence.leader
        if leader is not None:
            if leader.phase is Phase.PREFILL and leader.done < sequence.shared:
                return False
            self._look_for_leader(sequence)
            if sequence.leader is not None:
                return False
        hit = self._tree.match(sequence.prompt) if self._limits.shares else None
        if hit is not None and (length := min(hit.length, sequence.reusable)):
            hit = Hit(hit.holder, length)
            self._edits.append(Copy(hit.holder, sequence.id, length))
        else:
            hit = None
        self._tree.add(sequence.id, hit)
        sequence.done = hit.length if hit else 0
        if sequence.cached is None:
            sequence.cached = sequence.done
        return True


def _shared_out(reading: list[Sequence], chunk: int) -> list[Run]:
    """At most `chunk` tokens of prompts. The first in line gets half of them at least, what is left goes to the
    shortest first: a long prompt is not starved, and short ones do not wait for it."""
    if not reading:
        return []
    first = min(reading, key=lambda s: (s.urgency, s.priority, s.order))
    others = sorted((s for s in reading if s is not first), key=lambda s: (s.urgency, s.priority, s.remaining))
    left = chunk
    share = {first: min(first.remaining, left - left // 2)}
    left -= share[first]
    for sequence in others:
        share[sequence] = min(sequence.remaining, left)
        left -= share[sequence]
    share[first] += min(first.remaining - share[first], left)
    return [_reading(sequence, count) for sequence, count in share.items() if count]


def _reading(sequence: Sequence, count: int) -> Run:
    tokens = sequence.prompt[sequence.done : sequence.done + count]
    return Run(sequence, tokens, sequence.done, samples=count == sequence.remaining and sequence.limit > 0)
