"""How much of what a point names stands in its passage: numbers and key terms, counted on the text that was read.

The gateway's confidence has no part in it. It counts the same facts among its eleven defects, though, and an ensemble
picks by that confidence: a gain here says that picking works, not that readers find the answer better.
"""

from picegate.assembly.numbers import Number, numbers
from picegate.assembly.terms import terms


def coverage(text: str, notes: str) -> float | None:
    """Share of the notes' distinct numbers and key terms that the text holds, 0 to 1; None: the notes name none.

    A number counts as found where its value stands with the same unit, or where either has no unit that is known.
    """
    wanted_terms, wanted_numbers = terms(notes), _distinct(numbers(notes))
    wanted = len(wanted_terms) + len(wanted_numbers)
    if not wanted:
        return None
    told = numbers(text)
    found = sum(any(number.is_same(other) for other in told) for number in wanted_numbers)
    return (len(wanted_terms & terms(text)) + found) / wanted


def _distinct(some: list[Number]) -> list[Number]:
    kept: list[Number] = []
    for number in some:
        if not any(number.is_same(other) for other in kept):
            kept.append(number)
    return kept
