"""The whole demo, as somebody sees it who opens its page."""

from pathlib import Path

from playwright.sync_api import expect

from tests.browsing import OpenPage
from tests.demo_process import demo

_LIVE_MS = 120_000
_CHANGED = """([cells, before]) =>
    [...document.querySelectorAll(cells)].some((each, place) => each.textContent !== before[place])"""


def test_scores_move_alerts_come_and_the_end_is_told(tmp_path: Path, open_page: OpenPage) -> None:
    with demo(tmp_path, "--events-per-second", "100") as shown:
        page = open_page(shown.page)
        rows = page.locator("#rows .row")
        expect(rows.first).to_be_visible(timeout=_LIVE_MS)
        expect(page.locator("#said")).to_contain_text("Live", timeout=_LIVE_MS)
        expect(rows).to_have_count(240)
        expect(page.locator("#alert-list li").first).to_be_visible(timeout=60_000)
        for cell in ("score", "name"):  # the numbers move, and so do the places
            before = page.locator(f"#rows .{cell}").all_inner_texts()
            page.wait_for_function(_CHANGED, arg=[f"#rows .{cell}", before])
        assert page.locator("#histogram rect.bar").count() > 15
        assert "benchmark" in " ".join(page.locator("#histogram text").all_text_contents())
        expect(page.locator("#chart path.line")).to_have_count(2)
        alerted = page.locator("#alert-list a").first
        name = alerted.locator(".what").inner_text().partition(":")[0]
        alerted.click()
        expect(page.locator("#account-name")).to_have_text(name)
        expect(page.locator("#chart circle.alert-mark").first).to_be_visible()
        assert shown.interrupt() == 0
        expect(page.get_by_role("alert")).to_contain_text("The demo has ended.")
