"""What a conversation's lanes have computed is found again, and never takes more than its limit."""

import torch

from studio.engine.lanes import Lane
from studio.engine.prefix import Kept, Layers

RED, PALE = Lane("red"), Lane("red", 0.5)
BYTES = 2 * 2 * 3 * 4  # of a token: keys and values, two heads, three numbers of four bytes


def layers(tokens: int, value: float = 0.0) -> Layers:
    """One layer's keys and values for so many tokens; each token has a number of its own."""
    keys = value + torch.arange(tokens, dtype=torch.float32).view(1, tokens, 1).expand(2, -1, 3)
    return [(keys, -keys)]


def keep(kept: Kept, lane: Lane | None, tokens: list[int], value: float = 0.0) -> None:
    kept.keep(lane, tokens, layers(len(tokens), value))


def test_the_longest_shared_beginning_is_found_and_one_token_is_left() -> None:
    kept = Kept()
    keep(kept, RED, [1, 2, 3, 4])
    keep(kept, RED, [1, 2, 9])
    length, found = kept.find(RED, [1, 2, 3, 7, 8])
    assert length == 3
    assert found[0][0].shape == found[0][1].shape == (2, 3, 3)
    assert found[0][0][0, :, 0].tolist() == [0, 1, 2]
    assert kept.find(RED, [1, 2, 3, 4])[0] == 3
    assert kept.find(RED, [5])[0] == 0


def test_another_lane_or_strength_knows_nothing_of_it() -> None:
    kept = Kept()
    keep(kept, RED, [1, 2, 3])
    assert kept.find(PALE, [1, 2, 3, 4]) == (0, [])
    assert kept.find(None, [1, 2, 3, 4]) == (0, [])


def test_a_text_replaces_its_beginnings_and_adds_nothing_to_a_longer_one() -> None:
    kept = Kept()
    keep(kept, None, [1, 2])
    keep(kept, None, [1, 2, 3, 4])
    assert kept.bytes == 4 * BYTES
    keep(kept, None, [1, 2, 3])
    assert kept.bytes == 4 * BYTES
    assert kept.find(None, [1, 2, 3, 4, 5])[0] == 4


def test_the_text_unused_for_longest_goes_first() -> None:
    kept = Kept(limit=8 * BYTES)
    keep(kept, None, [1, 1, 1])
    keep(kept, None, [2, 2, 2])
    kept.find(None, [1, 1, 1, 1])
    keep(kept, None, [3, 3, 3])
    assert kept.find(None, [2, 2, 2, 2])[0] == 0
    assert kept.find(None, [1, 1, 1, 1])[0] == 3
    assert kept.bytes == 6 * BYTES
    keep(kept, None, list(range(100)))  # larger than the limit: not kept, and nothing goes
    assert kept.bytes == 6 * BYTES
