"""The grammar of a sketch, for clouds that decode guided: llama.cpp (GBNF), vLLM and SGLang (XGrammar's EBNF).

It allows an opening, delegation lines and a closing of one line. Everything is bounded, since tiny models do not stop
by themselves: a note is at most `_NOTE` characters long, a sentence at most `_SENTENCE`.
"""

_SENTENCE = 160
_NOTE = 120
_SHORTEST = 16

# Arrows, symbols and emoji (U+2190 to U+2BFF, all beyond the 16-bit plane) are left out: tiny models drift into them.
# A full stop ends a sentence unless it stands between two digits, as in "3.5": let through behind a word, it led models
# that would rather go on than end their opening to "family.2.3.4.5" up to the limit.
_TEMPLATE = r"""root ::= opening "\n" {points} closing?
opening ::= sentence (" " sentence)?
closing ::= sentence
sentence ::= capital inner{{{shortest},{sentence}}} [.!?。！？]
capital ::= [A-Z\u00C0-\u1FFF\u3041-\uD7FF]
inner ::= [^\x00-\x1F<>:*#.!?。！？0-9\u2190-\u2BFF\U00010000-\U0010FFFF] | [0-9] ("." [0-9])?
point ::= ">>" budget "+"? " " note "\n"
budget ::= {budget}
note ::= capital letter{{{shortest},{note}}}
letter ::= [^\x00-\x1F<>`*#\u2190-\u2BFF\U00010000-\U0010FFFF]
"""


def sketch_grammar(*, min_points: int, max_points: int, max_words: int = 400) -> str:
    """A grammar for sketches with so many delegation lines, each for at most `max_words` words (in tens).

    Raises:
        ValueError: 0 <= min_points <= max_points, 1 <= max_points does not hold.
    """
    if not 0 <= min_points <= max_points or max_points < 1:
        raise ValueError(f"no sketch has from {min_points} to {max_points} points")
    tens = f'[3-{min(max(max_words // 10, 3), 9)}] "0"'
    hundreds = f' | [1-{min(max_words // 100, 9)}] [0-9] "0"' if max_words >= 100 else ""
    return _TEMPLATE.format(
        points=f"point{{{min_points},{max_points}}}",
        budget=tens + hundreds,
        shortest=_SHORTEST,
        sentence=_SENTENCE,
        note=_NOTE,
    )
