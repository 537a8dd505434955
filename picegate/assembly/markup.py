"""Emphasis, inline code, quotes and brackets that a block of text leaves open.

Not a Markdown parser: what may be no markup at all (3 * 4, *.txt, [0, 1), 5'10") counts as none.
"""

import re

_TOKEN = re.compile(r"\\.|`+|\*{1,3}|[(（「『“【\[]|[)）」』”】\]]|\"")
_MARK = re.compile(r"[\\`*(（「『“【\[)）」』”】\]\"]")  # with which every token begins; nearly no text has any
_PAIRS = {"(": ")", "（": "）", "「": "」", "『": "』", "“": "”", "【": "】", "[": "]"}
_CLOSING = {closing: opening for opening, closing in _PAIRS.items()}
_NO_EMPHASIS = re.compile(r"\*{1,2}(?:args|kwargs)\b|\*[!-)+-~]+\Z")  # parameters; a single word behind one star


def closed(text: str) -> tuple[int, str]:
    """How many characters of `text` to keep, and what closes them.

    What is opened at the very end, with nothing behind it, is not kept.
    """
    size = len(text)
    if _MARK.search(text) is None:
        return size, ""
    while True:
        stack, code = _open(text, size)
        if code and not text[code[1] : size].strip():
            size = code[0]
        elif not code and stack and not text[stack[-1][1] + len(stack[-1][0]) : size].strip():
            size = stack[-1][1]
        elif stray := re.search(r"(?:(?<=\s)|(?<=[(（「『“【\[]))\*+\s*\Z", text[:size]):
            size = stray.start()
        else:
            break
        size = len(text[:size].rstrip())
    closers = "`" * (code[1] - code[0]) if code else ""
    return size, closers + "".join(_PAIRS.get(mark, mark) for mark, _ in reversed(stack))


def _open(text: str, size: int) -> tuple[list[tuple[str, int]], tuple[int, int] | None]:
    """What is open at `size`: (mark, where), the outermost first; and the inline code that is open, if any."""
    stack: list[tuple[str, int]] = []
    code: tuple[int, int] | None = None
    for token in _TOKEN.finditer(text, 0, size):
        mark, at = token.group(), token.start()
        before = text[at - 1] if at else " "
        after = text[token.end()] if token.end() < size else ""
        if mark[0] == "`":
            if code is None:
                code = token.span()
            elif code[1] - code[0] == len(mark):
                code = None
        elif code is not None or mark[0] == "\\":
            continue
        elif mark in _CLOSING:
            _close(stack, _CLOSING[mark])
        elif mark[0] == "*":
            _star(stack, text, mark, at, before, after)
        elif mark == '"':
            opened = any(other == mark for other, _ in stack)
            if opened and not before.isspace():
                _close(stack, mark)
            elif not opened and (before.isspace() or before in _PAIRS) and not after.isspace():
                stack.append((mark, at))
        elif not after.isspace() and (mark != "[" or after.isalpha() or not after):
            stack.append((mark, at))
    return stack, code


def _star(stack: list[tuple[str, int]], text: str, mark: str, at: int, before: str, after: str) -> None:
    if not before.isspace():
        if any(other == mark for other, _ in stack):
            _close(stack, mark)
            return
        if len(mark) == 3:  # closes both kinds
            _close(stack, "*")
            _close(stack, "**")
            return
        if before.isalnum() and before.isascii():
            return
    if (after.isalnum() or after in _PAIRS or after in '"`') and not _NO_EMPHASIS.match(text, at):
        stack.append((mark, at))


def _close(stack: list[tuple[str, int]], opening: str) -> None:
    """Close the innermost of that kind, and what was left open inside it."""
    for place in range(len(stack) - 1, -1, -1):
        if stack[place][0] == opening:
            del stack[place:]
            return
