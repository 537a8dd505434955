"""The tree of shared cells against the plainest model there is: a dictionary of token lists, and cells with owners."""

from collections import defaultdict

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.engine.prefix import Hit, PrefixTree, common

tokens = st.lists(st.integers(0, 2), max_size=12)
step = st.tuples(st.sampled_from(["add", "extend", "keep", "drop", "evict", "cheap"]), st.integers(0, 5), tokens)


class Naive:
    """Every cell is an object with its owners; sharing is owning the same object."""

    def __init__(self) -> None:
        self.tokens: dict[int, list[int]] = {}
        self.cells: dict[int, list[int]] = {}
        self.owners: dict[int, set[int]] = defaultdict(set)
        self.made = 0

    def add(self, seq: int, hit: Hit | None) -> None:
        length = hit.length if hit else 0
        self.tokens[seq] = self.tokens[hit.holder][:length] if hit else []
        self.cells[seq] = self.cells[hit.holder][:length] if hit else []
        for cell in self.cells[seq]:
            self.owners[cell].add(seq)

    def extend(self, seq: int, more: list[int]) -> None:
        for token in more:
            self.made += 1
            self.tokens[seq].append(token)
            self.cells[seq].append(self.made)
            self.owners[self.made].add(seq)

    def drop(self, seq: int) -> None:
        for cell in self.cells.pop(seq):
            self.owners[cell].discard(seq)
            if not self.owners[cell]:
                del self.owners[cell]
        del self.tokens[seq]


@given(st.lists(step, max_size=60))
def test_no_cell_leaks_and_none_is_freed_while_shared(steps: list[tuple[str, int, list[int]]]) -> None:
    tree, naive = PrefixTree(), Naive()
    kept: set[int] = set()
    for verb, seq, some in steps:
        known = seq in naive.tokens
        if verb == "add" and not known:
            hit = tree.match(some)
            longest = max((common(held, some) for held in naive.tokens.values()), default=0)
            assert (hit.length if hit else 0) == longest
            tree.add(seq, hit)
            naive.add(seq, hit)
        elif verb == "extend" and known and seq not in kept:
            tree.extend(seq, some)
            naive.extend(seq, some)
        elif verb == "keep" and known:
            tree.keep(seq)
            kept.add(seq)
        elif verb == "drop" and known:
            tree.drop(seq)
            naive.drop(seq)
            kept.discard(seq)
        elif verb in ("evict", "cheap"):
            evicted = tree.evict() if verb == "evict" else tree.evict_cheaply()
            assert (evicted is None) == (not kept)
            if evicted is not None:
                assert evicted in kept
                naive.drop(evicted)
                kept.discard(evicted)
        assert tree.cells == len(naive.owners)
        assert {held: tree.tokens(held) for held in naive.tokens} == naive.tokens
    for seq in list(naive.tokens):
        tree.drop(seq)
    assert tree.cells == 0
    assert tree.match([0, 1, 2]) is None


@given(tokens, tokens, st.integers(0, 12))
def test_the_common_beginning_is_that_of_a_plain_loop(held: list[int], wanted: list[int], at: int) -> None:
    rest = wanted[at:]
    plain = next((n for n, (a, b) in enumerate(zip(held, rest, strict=False)) if a != b), min(len(held), len(rest)))
    assert common(held, wanted, at) == plain


def test_what_was_used_last_is_evicted_last() -> None:
    tree = PrefixTree()
    for seq, said in enumerate(([1, 1], [2, 2], [3, 3])):
        tree.add(seq)
        tree.extend(seq, said)
        tree.keep(seq)
    tree.add(9, tree.match([1, 1, 5]))
    assert [tree.evict(), tree.evict(), tree.evict(), tree.evict()] == [1, 2, 0, None]
    assert tree.tokens(9) == [1, 1]
    assert tree.cells == 2
