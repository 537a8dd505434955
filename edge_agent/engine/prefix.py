"""Which sequence holds which tokens, as a radix tree whose edges are runs of cells.

An edge stands for cells that exist once, however many sequences share them: its token count is its memory. Tokens that
two sequences computed each for itself are two edges that begin alike. Sequences that are no longer written to are kept
until their cells, or their ids, are needed for something newer.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hit:
    """Sequence `holder` holds the first `length` tokens of what was looked for."""

    holder: int
    length: int


class _Run:
    """Tokens in cells that `holders` share, after those of `parent`."""

    __slots__ = ("children", "holders", "parent", "tokens")

    def __init__(self, parent: "_Run | None", tokens: list[int], holders: set[int]) -> None:
        self.parent = parent
        self.tokens = tokens
        self.holders = holders
        self.children: list[_Run] = []


class PrefixTree:
    """Attribute `cells`: tokens held, shared ones counted once."""

    def __init__(self) -> None:
        self.cells = 0
        self._root = _Run(None, [], set())
        self._tips: dict[int, _Run] = {}
        self._lengths: dict[int, int] = {}
        self._kept: dict[int, None] = {}  # least recently used first

    @property
    def idle(self) -> int:
        """Cells that are held for later alone: whoever shares them is kept."""
        kept = self._kept.keys()
        stack = list(self._root.children)
        cells = 0
        while stack:
            run = stack.pop()
            stack += run.children
            cells += len(run.tokens) if run.holders <= kept else 0
        return cells

    def __contains__(self, seq: int) -> bool:
        return seq in self._tips

    def length(self, seq: int) -> int:
        """Tokens that `seq` holds."""
        return self._lengths[seq]

    def tokens(self, seq: int) -> list[int]:
        return [token for run in reversed(self._path(seq)) for token in run.tokens]

    def match(self, tokens: list[int]) -> Hit | None:
        """Who holds the longest beginning of `tokens`. Of several the one that holds least besides."""
        best, depth = self._root, 0
        stack = [(self._root, 0)]
        while stack:
            run, at = stack.pop()
            for child in run.children:
                same = common(child.tokens, tokens, at)
                if at + same > depth:
                    best, depth = child, at + same
                if same == len(child.tokens):
                    stack.append((child, at + same))
        if depth == 0:
            return None
        return Hit(min(best.holders, key=self._lengths.__getitem__), depth)

    def add(self, seq: int, hit: Hit | None = None) -> None:
        """A new sequence that holds nothing, or shares what `hit` found (which counts as use of its holder)."""
        tip, length = self._root, 0
        if hit is not None:
            tip, length = self._run_ending(hit.holder, hit.length), hit.length
            if hit.holder in self._kept:
                self.keep(hit.holder)
        self._tips[seq], self._lengths[seq] = tip, length
        for run in self._path(seq):
            run.holders.add(seq)

    def extend(self, seq: int, tokens: list[int]) -> None:
        """`seq` has computed these after what it holds."""
        if not tokens:
            return
        tip = self._tips[seq]
        if tip is self._root or tip.children or len(tip.holders) > 1:
            self._tips[seq] = child = _Run(tip, list(tokens), {seq})
            tip.children.append(child)
        else:
            tip.tokens += tokens
        self._lengths[seq] += len(tokens)
        self.cells += len(tokens)

    def keep(self, seq: int) -> None:
        """`seq` is written to no more; it may be evicted, after all that were used less recently."""
        self._kept.pop(seq, None)
        self._kept[seq] = None

    def drop(self, seq: int) -> None:
        """`seq` lets go; cells that nobody else shares are free."""
        path = self._path(seq)
        del self._tips[seq], self._lengths[seq]
        self._kept.pop(seq, None)
        for run in path:
            run.holders.discard(seq)
            if not run.holders:
                self.cells -= len(run.tokens)
                self._parent(run).children.remove(run)
        for run in path:
            if run.holders:
                self._join(run)

    def evict(self) -> int | None:
        """Drop the kept sequence least recently used; which, or None when none is kept."""
        seq = next(iter(self._kept), None)
        if seq is not None:
            self.drop(seq)
        return seq

    def evict_cheaply(self) -> int | None:
        """Drop a kept sequence whose cells others share all, else as `evict`."""
        for seq in self._kept:
            if len(self._tips[seq].holders) > 1:
                self.drop(seq)
                return seq
        return self.evict()

    def _path(self, seq: int) -> list[_Run]:
        """The runs of `seq`, its last one first."""
        path = []
        run = self._tips[seq]
        while run.parent is not None:
            path.append(run)
            run = run.parent
        return path

    def _run_ending(self, seq: int, length: int) -> _Run:
        """The run on the path of `seq` that ends after `length` tokens, made by a split where there is none."""
        end = self._lengths[seq]
        for run in self._path(seq):
            begin = end - len(run.tokens)
            if begin < length:
                return run if length == end else self._split(run, length - begin)
            end = begin
        raise AssertionError("a hit has a length")

    def _split(self, run: _Run, at: int) -> _Run:
        """The first `at` tokens of `run` become a run of their own, before it."""
        parent = self._parent(run)
        head = _Run(parent, run.tokens[:at], set(run.holders))
        head.children = [run]
        parent.children[parent.children.index(run)] = head
        run.parent, run.tokens = head, run.tokens[at:]
        return head

    def _join(self, run: _Run) -> None:
        """Undo a split that has lost its reason: all who hold `run` go on into its only child."""
        if len(run.children) != 1 or run.children[0].holders != run.holders:
            return
        child = run.children[0]
        parent = self._parent(run)
        parent.children[parent.children.index(run)] = child
        child.parent, child.tokens = parent, run.tokens + child.tokens

    @staticmethod
    def _parent(run: _Run) -> _Run:
        if run.parent is None:
            raise AssertionError("the root is nobody's cells")
        return run.parent


def common(held: list[int], wanted: list[int], at: int = 0) -> int:
    """How many tokens `held` and `wanted` from `at` on begin with alike. Slices, since those are compared in C."""
    low, high = 0, min(len(held), len(wanted) - at)
    if high <= 0 or held[0] != wanted[at]:
        return 0
    while low < high:
        middle = (low + high + 1) // 2
        if held[low:middle] == wanted[at + low : at + middle]:
            low = middle
        else:
            high = middle - 1
    return low
