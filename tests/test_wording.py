"""Word by word: what two texts share, what only one has, and how much that is."""

import pytest

from studio.chat.wording import Piece, compare, share_differing, words


@pytest.mark.parametrize(
    ("first", "second", "share"),
    [
        ("", "", 0),
        ("the same", "the  same\n", 0),
        ("one two", "three four", 1),
        ("", "something", 1),
        ("The capital is Paris.", "The capital is Lyon.", 2 / 10),  # 5 words each, 4 shared
        ("a b c d", "a d", 2 / 6),
        ("Paris", "paris", 1),
        ("yes!", "yes", 1 / 3),
    ],
)
def test_the_share_of_differing_words_is_what_is_not_shared(
    first: str, second: str, share: float
) -> None:
    assert share_differing(first, second) == pytest.approx(share)
    assert share_differing(second, first) == pytest.approx(share)


def test_signs_of_chinese_and_japanese_are_words_of_their_own() -> None:
    assert words("你好, world") == ["你", "好", ",", "world"]
    assert share_differing("你好世界", "你好朋友") == pytest.approx(0.5)


def test_differences_are_marked_where_they_stand() -> None:
    assert compare("It was a good film.", "It was a very bad film.") == [
        Piece("both", "It was a"),
        Piece("first", " good "),
        Piece("second", " very bad "),
        Piece("both", "film."),
    ]
    assert compare("", "new") == [Piece("second", "new")]
    assert compare("old", "") == [Piece("first", "old")]
    assert compare("just space", "just   space") == [Piece("both", "just   space")]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = 1\n  y = 2\n", "x = 1\n\n  z = 3"),
        ("no words: —…!", "😀 und äöü ß"),
        ("a b a b a", "b a b a b"),
    ],
)
def test_the_pieces_give_both_texts_back(first: str, second: str) -> None:
    pieces = compare(first, second)
    assert "".join(one.text for one in pieces if one.kind != "first") == second
    rest = " ".join(one.text for one in pieces if one.kind != "second")
    assert words(rest) == words(first)


def test_a_text_that_repeats_itself_thousands_of_times_is_compared_in_time() -> None:
    assert share_differing("the " * 8_000, "the " * 4_000) > 0


def test_a_long_text_differs_in_nothing_from_itself() -> None:
    text = ("It goes on and on. " * 500).strip()
    assert share_differing(text, text) == 0
    assert compare(text, text) == [Piece("both", text)]
