"""The page of `scorer demo` in a real browser, told by the test what to show."""

import math
import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from scorer.core.model import Curve, Shape
from scorer.demo.board import Stage
from scorer.demo.made_up_time import MadeUpTime
from tests.browsing import OpenPage
from tests.shown_page import MODEL, Shown, shown


def live(page: Shown) -> None:
    """Three accounts after ten days, live."""
    page.scores(acme=60.0, brisk=80.0, cargo=20.0)
    page.days(10)
    page.at_stage(Stage.LIVE, "Live: 40 made-up events a second")
    page.scores(acme={"score": 61.0, "raw": 30.0, "delta": 4.24})


def names(page: Page) -> list[str]:
    return page.locator("#rows .name").all_inner_texts()


def expect_chosen(page: Page, name: str) -> None:
    expect(page.locator("#account-name")).to_have_text(name)


def by_score(page: Page) -> None:
    page.get_by_text("Best").click()


def test_accounts_stand_by_score_and_move(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        by_score(page)
        expect(page.locator("#rows .row")).to_have_count(3)
        assert names(page) == ["brisk", "acme", "cargo"]
        row = page.get_by_role("option", name="acme")
        assert re.sub(r"\s+", " ", row.inner_text()) == "2 acme 61.0 ● healthy ↑ 4.2 up 4.2"
        told.scores(acme=90.0)
        expect(page.locator("#rows .row").first).to_contain_text("acme")
        assert names(page) == ["acme", "brisk", "cargo"]
        expect(row.locator(".band")).to_have_text("▲ champion")


def test_accounts_stand_by_their_fall_and_by_what_moves_now(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        told.scores(
            brisk={"score": 80.0, "raw": 80.0, "delta": -9.0}, cargo={"score": 20.0, "raw": 20.0, "delta": -3.0}
        )
        page = open_page(told.address)
        expect(page.locator("#rows .row").first).to_contain_text("brisk")
        assert names(page) == ["brisk", "cargo", "acme"]
        for score in (30.0, 40.0, 50.0):
            told.scores(cargo=score)
        page.get_by_text("Moving").click()
        expect(page.locator("#rows .row").first).to_contain_text("cargo")
        expect(page.locator("#rows .row").first.locator(".move")).to_contain_text("up 30.0")


def test_an_account_is_the_number_the_direction_the_reason(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        expect_chosen(page, "acme")  # the one that was suggested
        expect(page.locator("#account-score")).to_have_text("61.0")
        expect(page.locator("#account-band")).to_have_text("● healthy")
        expect(page.locator("#account-move")).to_have_text("↑ up 4.2 in 7 days")
        why = page.locator("#account-why")
        expect(why).to_contain_text("by its own activity")
        expect(why).to_contain_text("raw score 30, benchmark 100")
        expect(page.locator("#account-age")).to_contain_text("as of")


def test_an_account_is_chosen_by_click_and_stands_in_the_address(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        page.get_by_role("option", name="brisk").click()
        expect_chosen(page, "brisk")
        assert page.url.endswith("#account=brisk")
        expect(page.get_by_role("option", name="brisk")).to_have_attribute("aria-selected", "true")
        page.reload()
        expect_chosen(page, "brisk")


def test_an_account_is_chosen_by_keyboard(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        by_score(page)
        box = page.get_by_role("listbox", name="Accounts by score")
        expect(box.get_by_role("option")).to_have_count(3)
        box.focus()
        for key, name in (("ArrowDown", "cargo"), ("ArrowDown", "cargo"), ("Home", "brisk"), ("ArrowDown", "acme")):
            box.press(key)
            expect_chosen(page, name)
        box.press("c")  # typing goes to a name
        expect_chosen(page, "cargo")
        active = box.get_attribute("aria-activedescendant")
        assert active is not None and "cargo" in page.locator(f"#{active}").inner_text()


def test_every_part_is_reached_by_tab(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        told.alert("cargo")
        page = open_page(told.address)
        expect(page.locator("#alert-list li")).to_have_count(1)
        reached = []
        for _ in range(7):
            page.keyboard.press("Tab")
            reached.append(
                page.evaluate(
                    "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
                )
            )
        assert reached == ["order", "rows", "chart", "SUMMARY", "histogram", "SUMMARY", "A"]


def test_the_way_of_a_score_is_a_chart_a_table_and_a_readout(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        for score in (62.0, 63.0, 64.0):
            told.scores(acme=score)
        page = open_page(told.address)
        chart = page.get_by_role("img", name=re.compile(r"Score of acme over 60 days and the last minutes, now 64\.0"))
        expect(chart.locator("path.line")).to_have_count(2)
        past, present = chart.locator("path.line").all()
        assert len(re.findall("[ML]", past.get_attribute("d") or "")) == 10
        assert len(re.findall("[ML]", present.get_attribute("d") or "")) >= 2
        chart.focus()
        chart.press("Home")
        expect(page.locator("#chart-readout")).to_have_text("end of 21 Sept: 60.0")
        page.locator("#chart-table summary").click()
        rows = page.locator("#chart-table tbody tr")
        expect(rows.first).to_be_visible()
        assert rows.first.locator("td").all_inner_texts()[1] == "64.0"
        assert rows.last.inner_text().split("\t") == ["end of 21 Sept", "60.0"]
        assert {"▲ champion", "● healthy", "◢ low", "▼ at risk"} <= set(chart.locator("text").all_text_contents())


def test_the_distribution_has_its_benchmark_its_bands_and_this_account(open_page: OpenPage) -> None:
    with shown() as told:
        told.scores(
            100.0, **{f"a{n}": {"score": 50.0, "raw": 1.9 * n} for n in range(1, 51)}, silent={"score": 1.0, "raw": 0.0}
        )
        told.scores(100.0, acme={"score": 99.0, "raw": 250.0})
        told.at_stage(Stage.LIVE)
        page = open_page(told.address)
        chart = page.get_by_role("img", name="51 active accounts by raw score, benchmark 100")
        expect(chart).to_be_visible()
        expect(page.locator("#distribution-said")).to_have_text("51 active, 1 without activity")
        assert "benchmark 100" in chart.locator("text").all_text_contents()
        page.locator("#histogram-table summary").click()
        expect(page.locator("#histogram-table tbody tr").first).to_be_visible()
        cells = page.locator("#histogram-table tbody td:last-child").all_inner_texts()
        assert sum(map(int, cells)) == 51
        # half of the scale's log: 10 % lies at the first decade's end, 100 % at the second's
        line, bars = chart.locator("path.standard"), chart.locator("rect.bar")
        where = float(re.findall(r"M([\d.]+)", line.get_attribute("d") or "")[0])
        beyond = [
            bar
            for bar in bars.all()
            if float(bar.get_attribute("x") or 0) > where and float(bar.get_attribute("height") or 0) > 0
        ]
        assert len(beyond) == 1  # acme's
        assert chart.locator("path.dot").count() == 1
        chart.focus()
        chart.press("Home")
        expect(page.locator("#histogram-readout")).to_have_text("1.0 to 1.4 %: 0 accounts, at risk")


def test_alerts_come_and_go(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        expect(page.locator("#alerts-empty")).to_contain_text("None so far. The rules:")
        expect(page.locator("#alerts-empty")).to_contain_text("churn risk: an account falls below 25")
        told.alert("cargo")
        item = page.locator("#alert-list li")
        expect(item).to_contain_text("cargo: churn risk")
        expect(item).to_contain_text("fell below 25 by the margin of 2 (26.0 → 20.0)")
        expect(page.locator("#alerts-said")).to_have_text("1 open")
        expect(page.locator("#announced")).to_have_text("Alert fired: churn risk, cargo")
        told.alert("cargo", "resolved", at=1_795_355_044.0 + 38, cause="recovered", previous_score=26.96, score=27.01)
        expect(item).to_contain_text("came back above 25 by the margin of 2 (26.96 → 27.01) after 38 s")
        expect(page.locator("#alerts-said")).to_have_text("0 open")
        expect(page.locator("#announced")).to_have_text("Alert resolved: churn risk, cargo")
        item.get_by_role("link").click()
        expect_chosen(page, "cargo")


def test_it_tells_what_time_it_is_in_the_made_up_world(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        made_up = datetime(2024, 5, 14, 7, 0, tzinfo=UTC).timestamp()
        told.tell(lambda board: setattr(board, "clock", MadeUpTime(made_up, 600.0, time.time() - 3.0)))
        told.alert("cargo", at=made_up - 7200.0)
        page = open_page(told.address)
        expect(page.locator("#age")).to_have_text(re.compile(r"^made-up time Tue,? 14 May 2024,? 07:[3-9]\d UTC$"))
        expect(page.locator("#alert-list .when")).to_have_text("2 h ago")


def test_the_chart_moves_on_with_the_days_that_close(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        told.days(80)
        page = open_page(told.address)
        expect(page.locator("#rows .row")).to_have_count(3)
        chart = page.locator("#chart")
        chart.focus()
        chart.press("Home")
        expect(page.locator("#chart-readout")).to_have_text("end of 21 Oct: 61.0")
        told.days(1)
        chart.press("Home")
        expect(page.locator("#chart-readout")).to_have_text("end of 22 Oct: 61.0")


def test_who_comes_late_is_told_what_there_was(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        told.alert("cargo")
        page = open_page(told.address)
        expect(page.locator("#alert-list li")).to_have_count(1)
        assert sorted(names(page)) == ["acme", "brisk", "cargo"]


def test_before_the_first_score_it_says_so(open_page: OpenPage) -> None:
    with shown() as told:
        page = open_page(told.address)
        expect(page.locator("#said")).to_have_text("Starting Kafka, Redis and a worker on this machine")
        expect(page.locator("#rows-empty")).to_have_text("The first scores come within seconds.")
        expect(page.get_by_role("listbox", name="Accounts by score")).to_have_attribute("aria-busy", "true")
        expect(page.locator("#account-score .skeleton")).to_be_visible()
        assert page.get_by_text("NaN").count() == page.get_by_text("undefined").count() == 0


def test_loading_has_its_progress(open_page: OpenPage) -> None:
    with shown() as told:
        told.scores(acme=60.0)
        told.days(15)
        told.at_stage(Stage.LOADING, "Loading day 16 of 60: Tue 06 Oct")
        page = open_page(told.address)
        expect(page.locator("#said")).to_have_text("Loading day 16 of 60: Tue 06 Oct")
        expect(page.get_by_role("progressbar", name="Past days loaded")).to_have_js_property("value", 0.25)
        expect(page.locator("#alerts-empty")).to_contain_text("While the past is loaded, nobody is alerted.")


def test_warming_up_says_how_many_are_needed(open_page: OpenPage) -> None:
    with shown() as told:
        told.scores(None, acme={"score": None, "state": "warming_up", "population": 17, "min_population": 20})
        told.at_stage(Stage.LIVE)
        page = open_page(told.address)
        expect(page.locator("#account-band")).to_have_text("○ warming up: 17 of 20 active accounts needed")
        expect(page.locator("#rows-empty")).to_be_visible()


def test_silence_is_told_and_ends(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        expect(page.locator("#said")).to_contain_text("Live")
        expect(page.locator("#said")).to_contain_text("Stale for", timeout=10_000)
        expect(page.get_by_role("alert")).to_contain_text("the demo may be gone. To start it again: make demo")
        told.scores(acme=70.0)
        expect(page.locator("#said")).to_contain_text("Live")
        expect(page.get_by_role("alert")).to_be_hidden()


def test_the_end_is_told(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        expect(page.locator("#rows .row")).to_have_count(3)
        told.at_stage(Stage.ENDED, "The demo has ended")
        expect(page.get_by_role("alert")).to_contain_text("The demo has ended.")
        assert sorted(names(page)) == ["acme", "brisk", "cargo"]
    expect(page.locator("#said")).to_have_text("The demo has ended")


def test_without_rules_it_shows_how_to_write_one(open_page: OpenPage) -> None:
    with shown(rules=[]) as told:
        live(told)
        page = open_page(told.address)
        expect(page.locator("#alerts-empty code")).to_contain_text("churn_risk: {model: use, kind: account,")


def test_scores_that_are_raw_have_a_scale_of_their_own(open_page: OpenPage) -> None:
    model = replace(
        MODEL,
        curve=Curve(Shape.NONE),
        bands=(replace(MODEL.bands[0], name="few"), replace(MODEL.bands[1], name="many", lower=500.0)),
    )
    with shown(model, scale=None) as told:
        told.scores(
            None, acme={"score": 1234.5, "raw": 1234.5, "band": "many"}, brisk={"score": 3.0, "raw": 3.0, "band": "few"}
        )
        told.days(3)
        told.at_stage(Stage.LIVE)
        page = open_page(told.address)
        expect(page.locator("#account-score")).to_have_text("1,235")
        expect(page.locator("#account-band")).to_have_text("▲ many")
        expect(page.locator("#histogram-readout")).to_have_text("Raw score, which is the score")
        assert "many" in " ".join(page.locator("#histogram text").all_text_contents())


@pytest.mark.parametrize("account", ["<img src=x onerror=alert(1)>", "a&b=c#d/é 漢", "%3Cb%3E", '"]:not(*)'])
def test_an_id_is_only_ever_text(open_page: OpenPage, account: str) -> None:
    with shown() as told:
        live(told)
        told.scores(**{account: 95.0})
        told.alert(account)
        page = open_page(told.address)
        page.get_by_role("link").click()
        expect_chosen(page, account)
        page.reload()
        expect_chosen(page, account)
        assert account in names(page)
        assert page.locator("img[src=x]").count() == 0


def test_who_wants_no_motion_gets_none(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address, reduced_motion="reduce")
        by_score(page)
        expect(page.locator("#rows .row")).to_have_count(3)
        told.scores(acme=95.0)
        expect(page.locator("#rows .row").first).to_contain_text("acme")
        assert page.evaluate("document.getAnimations().length") == 0


def test_others_see_a_row_glide_to_its_place(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        by_score(page)
        expect(page.locator("#rows .row")).to_have_count(3)
        page.evaluate("""() => {
            const plain = Element.prototype.animate;
            window.glided = [];
            Element.prototype.animate = function (...steps) {
                window.glided.push(this.className);
                return plain.apply(this, steps);
            };
        }""")
        told.scores(acme=95.0)
        expect(page.locator("#rows .row").first).to_contain_text("acme")
        assert "row" in page.evaluate("window.glided")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing(open_page: OpenPage, scheme: str, width: int) -> None:
    with shown() as told:
        live(told)
        told.alert("cargo")
        told.alert("brisk", "fired", "taking_off", severity="info")
        page = open_page(
            told.address, color_scheme=scheme, reduced_motion="reduce", viewport={"width": width, "height": 800}
        )
        expect(page.locator("#alert-list li")).to_have_count(2)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_reaches_beyond_the_page(open_page: OpenPage, width: int) -> None:
    with shown() as told:
        told.scores(**{f"an-account-of-a-rather-long-name-{n}": float(n % 100) for n in range(200)})
        told.at_stage(Stage.LIVE)
        page = open_page(told.address, viewport={"width": width, "height": 800})
        expect(page.locator("#rows .row")).to_have_count(200)
        size = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert size[0] <= width and size[1] < 2400


def test_both_schemes_have_their_colours(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        seen = {
            scheme: open_page(told.address, color_scheme=scheme).evaluate("getComputedStyle(document.body).color")
            for scheme in ("light", "dark")
        }
    assert seen == {"light": "rgb(20, 24, 31)", "dark": "rgb(232, 236, 242)"}


def test_the_page_is_small_and_soon_there(open_page: OpenPage) -> None:
    with shown() as told:
        live(told)
        page = open_page(told.address)
        expect(page.locator("#rows .row")).to_have_count(3)
        sizes = page.evaluate("performance.getEntriesByType('resource').map(each => each.decodedBodySize)")
    assert 5 < len(sizes) < 15 and sum(sizes) < 200_000 and not math.isnan(sum(sizes))
