"""Wordings of questions by category, written for the testbed: a planner that reads them can tell kinds apart."""

from random import Random
from typing import Literal

from picegate.testbed.emulated.wording import notes

Category = Literal[
    "generic",
    "knowledge",
    "common-sense",
    "counterfactual",
    "fermi",
    "coding",
    "math",
    "roleplay",
    "writing",
    "chat",
]
_ENGLISH: dict[str, tuple[str, ...]] = {
    "generic": (
        "How can I keep my desk tidy",
        "What are the best ways to learn a song by heart",
        "How do I choose a bicycle",
        "What are the main advantages of living near a river",
    ),
    "knowledge": (
        "What are the main differences between moss and lichen",
        "Explain how a lighthouse works and why it matters",
        "Describe the causes of river floods and what follows from them",
    ),
    "common-sense": (
        "Why do people lower their voices in a library",
        "How can you tell whether a shop is popular",
        "What are signs that a guest would like to leave",
    ),
    "counterfactual": (
        "What if paper had never been invented",
        "How might the world be different if cats could swim for days",
        "What would have happened if trains had come before roads",
    ),
    "fermi": (
        "How many bricks are there in a town hall? Explain your steps and estimate",
        "How many times does a door open in a year? Try to estimate it step by step",
    ),
    "coding": (
        "Implement a Python function that merges two sorted lists",
        "Write a C++ program that counts the vowels of a string",
    ),
    "math": (
        "Given f(x) = 3x^2 - 5x + 2, find the value of f(4)",
        "Solve 4x + 9 = 33 for x",
    ),
    "roleplay": (
        "Imagine you are a ship's cook. How would you explain soup to a prince",
        "As a mountain guide, tell your group about the day ahead",
    ),
    "writing": (
        "Write a short story about a lost umbrella that finds its way home",
        "Compose a letter to a neighbour who sings well",
        "Draft an article about a quiet street for a local paper",
    ),
    "chat": (
        "Can you help me with this",
        "What do you think of it",
        "And what comes after that",
    ),
}
_JAPANESE = {
    "coding": "二つの整列済みリストを併合するPythonの関数を書いてください。",
    "math": "f(x) = 3x^2 - 5x + 2 のとき、f(4) の値を求めてください。",
    "writing": "なくした傘が家に帰るまでの短い物語を書いてください。",
    "roleplay": "あなたは船の料理長です。王子にスープのことを説明してください。",
    "fermi": "町役場には煉瓦がいくつあるでしょうか。順を追って見積もってください。",
}
_JAPANESE_OTHERWISE = "机の上をいつも片づけておくにはどうすればいいですか。"


def phrase(category: str, words: int, seed: str, *, japanese: bool = False) -> str:
    """A question of about `words` words: a wording of its category, then made-up particulars up to the length."""
    if japanese:
        return _JAPANESE.get(category, _JAPANESE_OTHERWISE)
    rng = Random(f"{category}/{seed}")  # noqa: S311 (a fixed experiment)
    base = rng.choice(_ENGLISH.get(category, _ENGLISH["generic"]))
    missing = words - len(base.split()) - 3
    if missing > 0:
        base += f", given that {''.join(notes(missing, seed)).strip()}"
    return f"{base}?" if base.startswith(("How", "What", "Why", "Can", "And", "Solve")) else f"{base}."
