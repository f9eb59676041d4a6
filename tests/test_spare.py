"""A standby is kept while somebody is about and memory is not short."""

from studio.tuning.machine import cores, free_memory
from studio.tuning.spare import IDLE, PLENTY, SHORT, Spare


class Made:
    """A clock and a memory that stand where they are put."""

    def __init__(self) -> None:
        self.now, self.free = 1000.0, 8 << 30
        self.spare = Spare(lambda: self.now, lambda: self.free)


def test_nobody_asked_for_a_standby() -> None:
    made = Made()
    assert not made.spare.asked
    assert not made.spare.may_begin()


def test_a_standby_goes_after_a_while_in_which_nobody_asked() -> None:
    made = Made()
    made.spare.ask()
    made.now += IDLE - 1
    assert made.spare.may_stay()
    made.spare.ask()
    made.now += IDLE - 1
    assert made.spare.may_stay()
    made.now += 2
    assert not made.spare.may_stay()
    assert not made.spare.may_begin()
    made.spare.ask()  # somebody comes back
    assert made.spare.may_begin()


def test_a_standby_goes_when_memory_is_short_and_comes_when_there_is_plenty() -> None:
    made = Made()
    made.spare.ask()
    made.free = SHORT - 1
    assert not made.spare.may_stay()
    made.free = PLENTY - 1  # what it gave back alone does not bring it again
    assert not made.spare.may_begin()
    made.free = PLENTY
    assert made.spare.may_begin()


def test_a_studio_that_closes_wants_none() -> None:
    made = Made()
    made.spare.ask()
    made.spare.end()
    assert not made.spare.asked
    assert not made.spare.may_begin()


def test_this_machine_has_memory_and_at_least_one_core() -> None:
    assert free_memory() > 0
    assert cores() >= 1
