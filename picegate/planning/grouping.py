"""Points into as many groups as there are slots: the reconstruction of PICE writes each group in one go."""

from collections.abc import Sequence


def grouped(words: Sequence[int], groups: int) -> list[list[int]]:
    """Indices of neighbouring points in order, in at most `groups` groups; the smallest neighbours are merged first."""
    made = [([index], size) for index, size in enumerate(words)]
    while len(made) > max(groups, 1):
        at = min(range(len(made) - 1), key=lambda index: made[index][1] + made[index + 1][1])
        (left, left_size), (right, right_size) = made[at], made.pop(at + 1)
        made[at] = (left + right, left_size + right_size)
    return [indices for indices, _ in made]
