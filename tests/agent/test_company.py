"""Who was served beside whom: made-up times only."""

import pytest

from edge_agent.desk.company import Company, Visit


def test_an_answer_by_itself_is_alone_and_undisturbed() -> None:
    visit = Visit(Company(), 10.0)
    visit.first_token(12.0)
    visit.last_token(17.0)
    visit.leave(20.0)
    assert (visit.prefill_s, visit.decode_s, visit.running) == (2.0, 5.0, 1.0)
    assert visit.alone
    assert visit.undisturbed


def test_the_mean_number_beside_it_is_weighed_by_time() -> None:
    company = Company()
    long, short = Visit(company, 0.0), Visit(company, 0.0)
    long.first_token(1.0)
    short.first_token(1.0)
    short.last_token(4.0)
    short.leave(4.0)
    long.last_token(11.0)
    assert short.running == pytest.approx(2.0)
    assert long.running == pytest.approx((2 * 3 + 1 * 7) / 10)
    assert not long.alone


def test_a_neighbour_that_reads_its_prompt_disturbs() -> None:
    company = Company()
    writer = Visit(company, 0.0)
    writer.first_token(1.0)
    reader = Visit(company, 2.0)
    reader.first_token(6.0)
    writer.last_token(10.0)
    assert not writer.undisturbed
    assert writer.running == pytest.approx((1 * 5 + 2 * 4) / 9)


def test_whoever_goes_before_its_last_token_is_not_counted_any_more() -> None:
    company = Company()
    gone, stays = Visit(company, 0.0), Visit(company, 0.0)
    gone.first_token(1.0)
    stays.first_token(1.0)
    gone.leave(1.0)
    stays.last_token(5.0)
    assert stays.running == 1.0
    assert stays.undisturbed


def test_no_time_at_all_divides_by_nothing() -> None:
    visit = Visit(Company(), 3.0)
    visit.first_token(3.0)
    visit.last_token(3.0)
    assert (visit.prefill_s, visit.decode_s, visit.running) == (0.0, 0.0, 1.0)
