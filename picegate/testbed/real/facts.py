"""How much of what a point names stands in its passage: numbers and key terms, counted on the text that was read.

The gateway's confidence has no part in it. An ensemble picks by the same facts, though, among passages that seem sound:
a gain here says that picking works, not that readers find the answer better. A passage that only says its notes again
covers all of them and tells nothing new, which the gateway takes for a fault: so how much is copied is counted, too.
"""

from picegate.assembly.numbers import Number, numbers
from picegate.assembly.scoring import copied
from picegate.assembly.terms import Units, terms


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


def echo(text: str, notes: str) -> float:
    """How much of the text is its notes, word for word: 0 up to what is usual, 1 for all."""
    return copied(Units(text), Units(notes))


def _distinct(some: list[Number]) -> list[Number]:
    kept: list[Number] = []
    for number in some:
        if not any(number.is_same(other) for other in kept):
            kept.append(number)
    return kept
