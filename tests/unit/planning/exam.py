"""The forecast against a constant and against its own priors: `python -m tests.unit.planning.exam FILE.jsonl`.

Each line of the file is `{"question": "...", "tokens": 340}`; instead of `tokens`, an `answers` table of texts by model
may stand there, of which the first is counted (1.35 tokens a word). With `--chat` as many made-up short exchanges are
mixed in.
Answers are learnt in random order; after a quarter of them, each is forecast before it is learnt.
"""

import json
import math
import random
import sys
from pathlib import Path

from picegate.core.chat import Ask, Message
from picegate.planning.length import TOKENS_PER_WORD, LengthModel

SEEDS = (0, 1, 2, 3, 4)
SHARES = (0.5, 0.9)
CHAT = ("hi", "thanks!", "What is the capital of Peru?", "Who wrote Dune?", "When was Bach born?", "Is seven a prime?")


def read(path: Path) -> list[tuple[Ask, int]]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        answers = row.get("answers") or {}
        tokens = row.get("tokens") or round(len(next(iter(answers.values())).split()) * TOKENS_PER_WORD)
        found.append((asking(row["question"]), max(tokens, 1)))
    return found


def asking(question: str) -> Ask:
    return Ask("exam", "pice", (Message("user", question),), {})


def pinball(quantile: float, share: float, seen: float) -> float:
    return max(share * (seen - quantile), (share - 1) * (seen - quantile))


def main() -> None:
    rows = read(Path(sys.argv[1]))
    totals: dict[str, list[float]] = {"constant": [0, 0, 0], "priors": [0, 0, 0], "learnt": [0, 0, 0]}
    count = 0
    for seed in SEEDS:
        dice = random.Random(seed)
        order = list(rows)
        if "--chat" in sys.argv:
            order += [(asking(dice.choice(CHAT)), round(dice.lognormvariate(math.log(35), 0.6))) for _ in rows]
        dice.shuffle(order)
        model, priors = LengthModel(), LengthModel()
        for number, (ask, tokens) in enumerate(order):
            if number >= len(order) // 4:
                count += 1
                past = sorted(seen for _, seen in order[:number])
                quantiles = {
                    "constant": [past[int(share * len(past))] for share in SHARES],
                    "priors": [priors.forecast(ask).quantile(share) for share in SHARES],
                    "learnt": [model.forecast(ask).quantile(share) for share in SHARES],
                }
                for name, (middle, high) in quantiles.items():
                    totals[name][0] += abs(middle - tokens)
                    totals[name][1] += pinball(middle, 0.5, tokens) + pinball(high, 0.9, tokens)
                    totals[name][2] += tokens <= high
            model.learn(model.forecast(ask), tokens)
    print(f"{count} forecasts over {len(SEEDS)} orders")
    print(f"{'':10}{'mean error':>12}{'pinball p50+p90':>18}{'held by p90':>13}")
    for name, (error, loss, held) in totals.items():
        print(f"{name:10}{error / count:12.1f}{loss / count:18.1f}{held / count:13.0%}")


if __name__ == "__main__":
    main()
