"""The report: its numbers, its sources, and that nothing given to it can run or load anything."""

import base64
import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from analysis import Simultaneous
from analysis.show.figures import FIGURES, available
from analysis.show.style import MODEL_TITLES
from analysis.show.tables import TABLES
from experiments.report import page
from experiments.report.report import report_document
from experiments.report.verdicts import MOVED, PREDICTED, SURE, SYMMETRY
from tests.synthetic import synthetic, with_diverged_members

CONFIG = {"dataset": "mnist", "train": {"init": "uniform", "weight_decay": 0.01, "members": 30}}
PICTURE = {"png": b"a picture", "webp": b"smaller", "json": b'{"a": "</script>"}'}
PROVENANCE = {"git": {"commit": "0123abc"}, "seconds": 12.5}


def report(trajectories, config, provenance) -> str:
    pictures = dict.fromkeys(available(trajectories), PICTURE)
    return page.document(report_document(trajectories, config, provenance, tuple(pictures)), pictures)


class Outline(HTMLParser):
    """Tags with their attributes, visible text, and whether every element is closed in order."""

    VOID = ("meta", "img", "br")

    def __init__(self, html: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)
        self.text = self.text.lstrip()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] not in ("style", "script"):
            self.text += data.replace("\u00a0", " ") + "\n"

    def attributes(self, tag: str, name: str) -> list[str]:
        return [attributes[name] or "" for other, attributes in self.tags if other == tag and name in attributes]


@pytest.fixture(scope="module")
def run():
    return with_diverged_members(synthetic(epochs=14, layers=2, members=30), 3)


@pytest.fixture(scope="module")
def outline(run):
    return Outline(report(run, CONFIG, PROVENANCE))


def test_it_says_what_was_run(outline):
    assert outline.text.startswith("Weight matrices of an ensemble trained on mnist")
    assert (
        "An ensemble of size 30, recorded at epochs 0 to 13 (dataset mnist, init uniform, weight decay 0.01)"
        in outline.text
    )
    assert "L1 (10 × 10), L2 (10 × 10)" in outline.text


def test_it_holds_the_key_numbers(run, outline):
    accuracy = run.training.test_accuracy[3:, -1]
    assert f"{accuracy.mean():.2%} ± {accuracy.std():.2%}" in outline.text
    assert f"{accuracy.min():.2%} to {accuracy.max():.2%}" in outline.text
    assert "27 of 30" in outline.text
    assert "without change\n0.03\n0.03" in outline.text
    for e in (0, 1, 10, 13):
        for distance in run.w2[e]:
            short = [f"{value:.3g}".replace("-", "−") for value in (distance, distance - 0.02, distance + 0.02)]
            assert f"{short[0]} ({short[1]} to {short[2]})" in outline.text
    for e in (0, 13):
        for deviation in run.deviation[e]:
            text = page.measured(deviation.max(), 1 / np.sqrt(30)).replace("\u00a0", " ")
            assert f"I{14 + np.argmax(deviation)} {text}" in outline.text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.018814, 0.006371, "0.0188 ± 0.0064"),
        (-1.26712, 0.0996, "−1.267 ± 0.100"),
        (123456.7, 321.0, "123457 ± 321"),
        (2.5e-9, 1e-10, "2.5e−09 ± 1e−10"),
        (1.0, 0.0, "1 ± 0"),
        (0.25, float("nan"), "0.25"),
    ],
)
def test_numbers_have_the_digits_that_their_errors_allow(value, error, text):
    assert page.measured(value, error).replace("\u00a0", " ") == text


def test_it_names_the_accepted_models_as_people_do(run, outline):
    assert outline.text.count("S_D × S_D (5), p = ") == 4 * len(run.layers)
    assert {*MODEL_TITLES, "pigmm"} == set(Simultaneous(10).family)


def test_small_matrices_have_models_of_fewer_parameters(run):
    t = replace(run, symmetries=(Simultaneous(3),) * 2, accepted=np.full_like(run.accepted, "pigmm"))
    assert "S_D (12), p = " in Outline(report(t, CONFIG, PROVENANCE)).text


def test_it_is_well_formed_and_described(outline):
    assert outline.open == []
    assert outline.tags[0] == ("html", {"lang": "en"})
    alternatives = outline.attributes("img", "alt")
    assert len(alternatives) == len(outline.attributes("img", "src")) == len(FIGURES)
    assert all(plot.caption in alt for plot, alt in zip(FIGURES.values(), alternatives, strict=True))


def test_it_loads_nothing_and_links_only_to_files_of_the_run_folder(outline):
    assert all(source.startswith("data:image/webp;base64,") for source in outline.attributes("img", "src"))
    expected = {f"figures/{name}.{kind}" for name in FIGURES for kind in ("pdf", "png", "csv")}
    expected |= {f"tables/{name}.csv" for name in TABLES}
    inside = {href for href in outline.attributes("a", "href") if href.startswith("#")}
    assert {href.removeprefix("#") for href in inside} <= {attributes.get("id") for _, attributes in outline.tags}
    assert set(outline.attributes("a", "href")) - inside == expected
    assert {"link", "iframe"}.isdisjoint(tag for tag, _ in outline.tags)


def test_one_script_runs_that_its_policy_names_by_its_digest_and_the_others_are_data(run):
    html = report(run, CONFIG, PROVENANCE)
    script = html[html.rindex("<script>") + len("<script>") : html.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = Outline(html).tags[3][1]["content"] or ""
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    kinds = [attributes.get("type") for tag, attributes in Outline(html).tags if tag == "script"]
    assert kinds == ["application/json"] * len(FIGURES) + [None]
    data = html.split('<script type="application/json">')[1].split("</script>")[0]
    assert json.loads(data) == {"a": "</script>"}


def test_it_opens_with_an_answer_to_every_question(run, outline):
    opening = outline.text.split("An ensemble of size")[0]
    for question in (SYMMETRY, MOVED, PREDICTED, SURE):
        assert question in opening
    assert "By second moments at epoch 13, L1 and L2: S_D × S_D with 5 parameters (p = " in opening
    assert f"L2 is at W2 = {run.w2[-1, 1]:.3g} (95 % interval" in opening
    assert f"predicts {int(np.sum(run.q[-1] >= 0.05))} of 78 cubic and quartic means" in opening
    assert "27 of 30 members enter, so a mean is known to 0.19 of the spread" in opening


def test_it_lists_configuration_provenance_and_sources(outline):
    for text in ("train.weight_decay", "0.01", "git.commit", "0123abc", "seconds", "12.5", "fit.json: wasserstein"):
        assert f"{text}\n" in outline.text


def test_hostile_text_is_shown_and_never_interpreted():
    hostile = "<script>alert('x')</script>\"onload=\"&amp;"
    t = replace(synthetic(epochs=2, layers=1, members=4), status=np.array([[hostile], ["ok"]]))
    html = report(t, {"dataset": hostile, hostile: hostile}, {hostile: {hostile: hostile}})
    outline = Outline(html)
    assert html.count("<script") == 1 + len(outline.attributes("script", "type"))
    assert f"trained on {hostile}" in outline.text
    assert f"{hostile}.{hostile}\n" in outline.text
    assert "onload" not in {name for _, attributes in outline.tags for name in attributes}


def test_a_remark_of_a_fit_is_counted_per_layer():
    t = synthetic(epochs=3, layers=2, members=4)
    t.status[:2, 1] = "V_0 is singular: use 3 members"
    singular = t
    text = Outline(report(singular, CONFIG, PROVENANCE)).text
    assert "L2\n2 of 3 epochs\nV_0 is singular: use 3 members" in text


@pytest.mark.parametrize("shape", [(2, 1, 20), (1, 1, 1)])
def test_it_shows_what_there_is_of_a_run_without_training_or_later_statistics(shape):
    t = synthetic(*shape, complete=False)
    t = replace(t, training=None)
    outline = Outline(report(t, {}, {}))
    assert outline.text.startswith("Weight matrices of an ensemble\n")
    assert "nan" not in outline.text.split()
    assert "accuracy" not in outline.text.split("Key numbers")[0]
    assert "without change" not in outline.text
    assert len(outline.attributes("img", "src")) == (5 if shape[0] > 1 else 2)


@pytest.mark.parametrize(
    ("value", "text"), [(-0.00012345, "−0.0001234"), (1000, "1000"), (float("nan"), "–"), ("-a", "-a")]
)
def test_numbers_have_four_digits_and_missing_ones_a_dash(value, text):
    assert page.number(value) == text


def test_columns_of_numbers_are_aligned_with_their_titles():
    outline = Outline(page.table(("layer", "w2"), [("L1", 0.5), ("L2", float("nan"))]))
    kinds = [attributes.get("class") for tag, attributes in outline.tags if tag in ("th", "td")]
    assert kinds == ["line", "number"] * 3


def test_only_long_texts_of_a_table_are_broken_into_lines():
    long = "a cause that takes " + "many words " * 5
    outline = Outline(page.table(("cause", "name"), [(long, "L1"), ("none", "L2")]))
    kinds = [attributes.get("class") for tag, attributes in outline.tags if tag in ("th", "td")]
    assert kinds == ["text", "line"] * 3
