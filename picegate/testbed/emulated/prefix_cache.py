"""Which beginnings of prompts an emulated engine still holds. Matching is real: on the tokens, block by block."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence


class PrefixCache:
    """Blocks of tokens, each known by all tokens up to its end; the blocks used longest ago are given up first."""

    def __init__(self, block: int) -> None:
        self._block = block
        self._held: OrderedDict[int, None] = OrderedDict()

    @property
    def tokens(self) -> int:
        """Tokens held, shared ones counted once."""
        return len(self._held) * self._block

    def match(self, prompt: Sequence[int]) -> int:
        """Tokens of `prompt` that need not be read again: whole blocks, and never the last token, which begets the
        first of the answer."""
        found = 0
        for key in self._keys(prompt, len(prompt) - 1):
            if key not in self._held:
                break
            found += self._block
        return found

    def keep(self, prompt: Sequence[int]) -> None:
        """Hold the whole blocks of `prompt`. The beginning is refreshed last, so that ends are given up before it."""
        for key in reversed(list(self._keys(prompt, len(prompt)))):
            self._held[key] = None
            self._held.move_to_end(key)

    def shrink(self, tokens: int) -> None:
        """Give up blocks until at most `tokens` are held."""
        while self._held and self.tokens > tokens:
            self._held.popitem(last=False)

    def _keys(self, prompt: Sequence[int], end: int) -> Iterator[int]:
        key = 0
        for start in range(0, end - self._block + 1, self._block):
            key = hash((key, *prompt[start : start + self._block]))
            yield key
