"""The grammar for guided sketches: what it lets through is a sketch."""

import pytest

from picegate.sketch.grammar import sketch_grammar


def test_the_number_of_points_stands_in_the_root_rule() -> None:
    assert 'root ::= opening "\\n" point{2,5} closing?' in sketch_grammar(min_points=2, max_points=5)


@pytest.mark.parametrize(("low", "high"), [(3, 2), (-1, 2), (0, 0)])
def test_impossible_numbers_of_points_are_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="points"):
        sketch_grammar(min_points=low, max_points=high)


def test_every_rule_that_is_named_is_defined() -> None:
    grammar = sketch_grammar(min_points=2, max_points=5)
    rules = {line.split(" ::= ")[0] for line in grammar.splitlines()}
    assert rules == {"root", "opening", "closing", "sentence", "capital", "inner", "point", "budget", "note", "letter"}


def test_budgets_stay_within_the_bound() -> None:
    assert 'budget ::= [3-8] "0"\n' in sketch_grammar(min_points=1, max_points=2, max_words=80)
    assert 'budget ::= [3-9] "0" | [1-4] [0-9] "0"\n' in sketch_grammar(min_points=1, max_points=2)


def test_llama_cpp_reads_it() -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    grammar = llama_cpp.LlamaGrammar.from_string(sketch_grammar(min_points=2, max_points=5), verbose=False)
    assert grammar is not None
