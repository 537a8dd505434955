"""A point of the sketch: a passage that the cloud delegates to an edge."""

from picegate.core.value import value


@value
class Point:
    """One delegation line.

    Attributes:
        index: counted from 0 over the whole sketch.
        notes: what to say, with the facts, numbers and names that must be in it.
        words: the length the passage deserves, in words (clamped by the parser).
        depends: True for `>>N+`: to be written after everything before it, with it in view.
        prefix: what the passage's first line starts with and the edge does not write: a list marker ("- ", "2. ") or
            heading marker that stood in front of the notes; empty for a plain paragraph.
        follows: a later part of a line that was cut: the part before it, which others write, has introduced its topic.
    """

    index: int
    notes: str
    words: int
    depends: bool = False
    prefix: str = ""
    follows: bool = False
