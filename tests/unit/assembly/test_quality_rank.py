from picegate.core.quality import Quality

THRESHOLD = 0.5


def test_of_two_good_passages_the_one_with_more_of_its_points_facts_ranks_higher() -> None:
    smooth = Quality(0.93, {"terms": 0.5, "numbers": 0.0})
    thorough = Quality(0.64, {"terms": 0.1, "numbers": 0.0, "copied": 0.3})
    assert thorough.rank(THRESHOLD) > smooth.rank(THRESHOLD)


def test_a_faulty_passage_ranks_below_every_good_one_however_many_facts_it_says() -> None:
    faulty = Quality(0.4, {"terms": 0.0, "leak": 1.0})
    assert faulty.rank(THRESHOLD) < Quality(0.5, {"terms": 1.0, "numbers": 1.0}).rank(THRESHOLD)


def test_with_as_many_facts_or_among_faulty_passages_confidence_decides() -> None:
    assert Quality(0.9, {"terms": 0.2}).rank(THRESHOLD) > Quality(0.8, {"terms": 0.2}).rank(THRESHOLD)
    assert Quality(0.4, {"terms": 0.9}).rank(THRESHOLD) > Quality(0.3, {"terms": 0.0}).rank(THRESHOLD)
