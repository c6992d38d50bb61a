"""Bands, bars and directions in a terminal."""

from scorer.looks import Looks

LOOKS = Looks(["at_risk", "low", "healthy", "champion"])
ASCII = Looks(["at_risk", "low", "healthy", "champion"], ascii_only=True)


def test_bands_differ_in_shape_word_and_colour() -> None:
    told = [LOOKS.band(name) for name in ("at_risk", "low", "healthy", "champion", "inactive", None)]
    assert [each.plain for each in told] == [
        "▼ at_risk", "◢ low", "● healthy", "▲ champion", "○ inactive", "○ no band",
    ]  # fmt: skip
    assert len({each.style for each in told[:5]}) == 5


def test_bands_of_ones_own_take_the_same_ramp_by_their_order() -> None:
    assert [Looks(["a", "b"]).band(name).plain for name in "ab"] == ["▼ a", "▲ b"]
    assert [Looks(["a", "b", "c"]).band(name).plain for name in "abc"] == ["▼ a", "● b", "▲ c"]
    assert Looks(["only"]).band("only").plain == "▼ only"


def test_a_bar_fills_its_share_and_never_more() -> None:
    assert [LOOKS.bar(share, 8, "low").plain for share in (-1, 0, 0.5, 1, 7)] == ["", "", "━━━━", "━" * 8, "━" * 8]


def test_a_direction_is_an_arrow_and_points() -> None:
    deltas = (3.2, -18.04, 0.04, None)
    assert [LOOKS.direction(delta).plain for delta in deltas] == ["↑ 3.2", "↓ 18.0", "· 0.0", "-"]


def test_a_terminal_without_the_glyphs_has_the_words_and_signs() -> None:
    assert ASCII.band("low").plain == "low"
    assert ASCII.bar(0.5, 4, "low").plain == "##"
    assert [ASCII.direction(delta).plain for delta in (3.2, -18.04, 0.0)] == ["+3.2", "-18.0", "0.0"]
