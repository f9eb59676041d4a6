"""Like lengths are read together where that saves reading, and every example once a round."""

import random

from studio.engine.order import WORTH, Order, alike, cut, read

LUCK = random.Random(3)
MIXED = [LUCK.randint(5, 200) for _ in range(1003)]


def test_every_example_is_read_once_a_round() -> None:
    order = Order(MIXED, batch=16, seed=1)
    for round in range(3):
        order.set_epoch(round)
        assert sorted(order) == list(range(1003))


def test_the_order_depends_on_the_seed_and_the_round_alone() -> None:
    order = Order(MIXED, batch=16, seed=1)
    first = list(order)
    order.set_epoch(1)
    second = list(order)
    assert first != second
    assert second == list(order)
    again = Order(MIXED, batch=16, seed=1)
    assert list(again) == first
    again.set_epoch(1)  # a run that is resumed in its second round never read the first one
    assert list(again) == second
    assert list(Order(MIXED, batch=16, seed=2)) != first


def test_like_lengths_save_most_of_what_is_filled_up() -> None:
    order = alike(MIXED, batch=16, seed=1)
    assert order is not None
    shuffled = random.Random(5).sample(range(1003), 1003)
    text = sum(MIXED)
    assert read(MIXED, list(order), 16) - text < 0.15 * (read(MIXED, shuffled, 16) - text)


def test_batches_come_in_no_order_of_length() -> None:
    longest = [
        max(MIXED[place] for place in one) for one in cut(list(Order(MIXED, batch=16, seed=1)), 16)
    ]
    rises = sum(after > before for before, after in zip(longest, longest[1:], strict=False))
    assert 0.3 < rises / (len(longest) - 1) < 0.7


def test_the_batch_that_is_not_full_comes_last() -> None:
    order = Order([10] * 1003, batch=16, seed=1)
    assert [len(one) for one in cut(list(order), 16)] == [16] * 62 + [11]


def test_examples_of_one_length_keep_the_plain_order() -> None:
    assert alike([40] * 500, batch=16, seed=1) is None
    nearly = [40 + place % 2 for place in range(500)]  # at most a fortieth could be saved
    assert WORTH > 1 / 40
    assert alike(nearly, batch=16, seed=1) is None


def test_a_batch_of_one_has_nothing_to_fill_up() -> None:
    assert alike(MIXED, batch=1, seed=1) is None
