"""The page in a real browser: it answers, loads nothing, fits a phone, and can be read by all and without scripts."""

import json
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from analysis.show.cumulants import MOST, order
from analysis.show.figures import available, draw
from experiments.report.cumulants import cumulants_part
from experiments.report.figures import picture
from experiments.report.page import document
from experiments.report.report import report_document
from tests.experiments.gallery import gallery_page
from tests.synthetic import synthetic

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[test]'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(BROWSER is None, reason="no Chromium: apt install chromium")]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
DESKTOP, PHONE = {"width": 1200, "height": 900}, {"width": 390, "height": 844}
LAST = 13
"""Epoch."""
BEYOND = """() => [...document.querySelectorAll("body *")].filter(one =>
    one.getBoundingClientRect().right > innerWidth + 1 && !one.closest(".scroll")).map(one => one.outerHTML)"""


@pytest.fixture(scope="module")
def run():
    return synthetic(epochs=LAST + 1, layers=2, members=30)


@pytest.fixture(scope="module")
def address(run, tmp_path_factory) -> str:
    """Of a report with its figures."""
    part = cumulants_part(run)
    pictures = {name: picture(draw, run, name) for name in available(run)}
    content = report_document(run, {}, {}, tuple(pictures), first=[part.section], command="pigmm report .")
    path: Path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(document(content, {**pictures, **part.figures}), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def gallery(tmp_path_factory) -> str:
    """Address of a page with the figures of comparisons, of models and of predictions."""
    path: Path = tmp_path_factory.mktemp("gallery") / "report.html"
    path.write_text(gallery_page(), encoding="utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address):
    """The report on a desktop, in which nothing may go wrong."""
    with opened(browser, address) as page:
        yield page


@pytest.fixture(params=["report", "gallery"])
def either(browser, address, gallery, request):
    """The report, or the gallery."""
    with opened(browser, address if request.param == "report" else gallery) as page:
        yield page


@contextmanager
def opened(browser, address: str):
    page, wrong, requests = browser.new_page(viewport=DESKTOP), [], []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    yield page
    page.close()
    assert not wrong
    assert requests == [address]


def tip(figure) -> list[str]:
    """The lines of the answer that is shown."""
    return figure.locator(".tip:visible").inner_text().splitlines()


def panels_of(page):
    """Of every panel of every figure: the figure, where the panel is, whether its dots are beside names, its curves."""
    for figure in page.locator("figure:has(script)").all():
        chart = json.loads(figure.locator("script").text_content())
        panels, frames = [panel for row in chart["rows"] for panel in row], ("", *chart["frames"][-1:])
        for panel, place in zip(panels, figure.locator(".panel").all(), strict=True):
            yield figure, place, bool(panel["places"]), [curve for curve in panel["curves"] if curve["frame"] in frames]


def names_of(curves) -> list[str]:
    """What the first points of curves are called in answers."""
    return [
        one["points"][0] if one["points"] else one["name"] + ", by chance" * (one["mark"] == "dotted") for one in curves
    ]


def answers(figure, place, count, beside) -> list[str]:
    """What the points are called that the keys reach, from curve to curve."""
    names = []
    for _ in range(count):
        place.press("ArrowRight" if beside else "ArrowDown")
        names.append(tip(figure)[0])
    return names


def test_every_curve_of_every_figure_answers_keys_and_the_pointer(either):
    for figure, place, beside, curves in panels_of(either):
        assert answers(figure, place, len(curves), beside) == names_of(curves)
        point = figure.locator(".ring:visible")
        point.scroll_into_view_if_needed()
        ring, area = point.bounding_box(), place.locator(".u-over").bounding_box()
        place.press("Escape")
        assert figure.locator(".tip:visible").count() == 0
        bottom = area["y"] + area["height"] - 2  # where points of value 0 may lie
        either.mouse.move(ring["x"] + ring["width"] / 2, min(ring["y"] + ring["height"] / 2, bottom))
        assert tip(figure)[2].startswith("value ")
        either.mouse.move(0, 0)


def test_every_legend_isolates_a_curve_in_all_panels_that_have_it(either):
    for figure, place, beside, curves in panels_of(either):
        chosen = [curve for curve in curves if curve["name"] == curves[-1]["name"]]
        entry = figure.locator(f'.legend button[data-name="{chosen[0]["name"]}"]').first
        if figure.locator(".legend").count():
            entry.click()
            assert entry.get_attribute("aria-pressed") == "true"
            assert answers(figure, place, len(chosen) + 1, beside) == names_of([*chosen, chosen[0]])
            entry.click()


def test_a_point_answers_the_keys_and_the_pointer_with_all_that_is_known_of_it(run, page):
    figure = page.locator("figure#deviations")
    figure.locator(".panel").first.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    value, se, q = (field[1, 0, 1] for field in (run.deviation, run.deviation_se, run.q))
    answer = tip(figure)
    assert answer[:2] == ["I15", "epoch 1"]
    assert answer[2] == f"value {float(f'{value:.3g}')} ± {float(f'{se:.3g}')} (standard error)"
    assert answer[3] == f"q = {float(f'{q:.3g}')}"
    assert figure.locator(".tip:visible svg").get_attribute("aria-label") == f"graph {run.graphs[14]}"
    ring = figure.locator(".ring:visible").bounding_box()
    page.keyboard.press("Escape")
    assert figure.locator(".tip:visible").count() == 0
    page.mouse.move(ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2)
    assert tip(figure)[1] == "epoch 1"


def test_a_legend_entry_isolates_its_curve_and_brings_the_others_back(page):
    figure = page.locator("figure#deviations")
    entry = figure.locator(".legend button", has_text="I17")
    assert entry.get_attribute("aria-pressed") == "false"

    def first_curves() -> list[str]:
        figure.locator(".panel").first.focus()
        seen = []
        for key in ("ArrowRight", "ArrowDown"):
            page.keyboard.press(key)
            seen.append(tip(figure)[0])
        return seen

    assert first_curves() == ["I14", "I15"]
    entry.click()
    assert entry.get_attribute("aria-pressed") == "true"
    assert first_curves() == ["I17", "I17"]
    entry.click()
    assert first_curves() == ["I14", "I15"]


def test_the_slider_moves_a_figure_through_the_epochs(run, page):
    figure = page.locator("figure#cumulant_patterns")
    slider = figure.locator("input[type=range]")
    assert figure.locator("output").inner_text() == f"epoch {LAST}"
    slider.focus()
    page.keyboard.press("ArrowLeft")
    assert figure.locator("output").inner_text() == f"epoch {LAST - 1}"
    figure.locator(".panel").first.focus()
    page.keyboard.press("ArrowRight")
    first = next(i for i in order(run, MOST) if run.symmetry.patterns[i].degree == 3)
    assert f"value {float(f'{run.standardised[LAST - 1, 0, first]:.3g}')} ±" in tip(figure)[2]


def test_a_table_is_sorted_by_a_click_and_filtered(page):
    table = page.locator("section", has=page.locator("#section-how-gaussian")).locator("table")
    heading = table.locator("thead button", has_text="L1")
    texts = []
    for sense in ("ascending", "descending"):
        heading.click()
        assert table.locator("th[aria-sort]").get_attribute("aria-sort") == sense
        cells = table.locator("tbody tr td:nth-child(3)").all_inner_texts()
        texts.append([float(cell.split("\u00a0")[0].replace("−", "-")) for cell in cells if "±" in cell])
    assert texts[0] == sorted(texts[0]) == texts[1][::-1]
    page.locator("section .filter input").first.fill("excess kurtosis")
    assert table.locator("tbody tr:visible").count() == 2


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_nothing_overflows_and_axe_finds_no_serious_fault(either, size):
    page = either
    page.set_viewport_size(size)
    fits = f"document.documentElement.scrollWidth <= innerWidth && !({BEYOND})().length"
    for _ in range(100):  # charts take their new size; the policy of the page forbids to wait for that inside it
        if page.evaluate(fits):
            break
        page.wait_for_timeout(100)
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    assert page.evaluate(BEYOND) == []
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
    for panel in page.locator(".panel").all():
        panel.press("ArrowRight")
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "an answer overflows"


def test_on_paper_and_without_scripts_figures_are_pictures(browser, address, page):
    figures = page.locator("figure:has(script)").count()
    assert page.locator(".chart:visible").count() == figures > 5
    page.emulate_media(media="print")
    assert page.locator(".chart:visible").count() == 0
    assert page.locator("figure img:visible").count() == page.locator("figure").count()
    plain = browser.new_context(java_script_enabled=False).new_page()
    plain.goto(address)
    assert plain.locator("figure img:visible").count() == plain.locator("figure").count()
    assert plain.locator(".chart").count() == 0
    plain.context.close()
