"""The part of a run folder on what the weights tell of the test loss: a section, two tables, a figure, JSON."""

from collections.abc import Iterator, Sequence

from analysis.inference.held_out import FOLDS, REPEATS, SHUFFLES
from analysis.inspection import key_epochs
from analysis.model.status import OK
from analysis.prediction import Prediction, predict_loss
from analysis.recording import Recording
from analysis.show.predictions import CAPTION, draw_predictions, importance, prediction_entry, scores
from experiments.report import page
from experiments.report.content import Cell, Content, Files, Grid, Paragraph, Picture, Section, explained
from experiments.report.figures import picture
from experiments.report.outputs import Part

TITLE = "What the weights say about the test loss"
FILE = "prediction"
IMPORTANCE = "importance"
ABOUT = (
    "Does a member's place in the ensemble tell its test loss? Ridge regression predicts the rank of the test loss "
    "among the members from their matrices of the same epoch. R² is the share of variance told, of members that "
    f"nothing was fitted to ({FOLDS} folds, {REPEATS} times; the penalty is chosen within each), ± standard error; "
    "0 is chance, and a negative one is worse than the mean of the others. Coordinates: of each matrix along the "
    "trivial block, its sum. Energies: logarithms of the squared norms of all blocks. Blocks: both. Invariants: those "
    "of degree 1 to 4, to the power 1/degree. All: everything. Shuffled: the mean R² where losses are shuffled among "
    f"the members, and p the rank of R² among {SHUFFLES} of those. R² of the loss: of the test loss itself instead of "
    "its rank."
)
ABOUT_IMPORTANCE = (
    "What R² of the set blocks loses when one block of one layer is shuffled among the members that are predicted, "
    "± standard error, at epoch {epoch}. Blocks: V_0 the sum of the matrix, H_n its column sums, H_m its row sums, "
    "H_m (x) H_n the rest. Where blocks make up for each other, single ones may lose more than R² itself."
)


def predictions_of(recording: Recording) -> tuple[Prediction, ...]:
    """The predictions at the `key_epochs`."""
    return tuple(predict_loss(recording, epoch) for epoch in key_epochs(recording.epochs))


def prediction_part(predictions: Sequence[Prediction]) -> Part:
    """The section with its tables, figure and JSON; no figure or table where nothing was predicted."""
    entries = {FILE: [prediction_entry(one) for one in predictions]}
    section = Section(TITLE, list(_content(predictions)))
    if not any(one.scores for one in predictions):
        return Part(section, {}, {}, entries)
    tables = {FILE: scores(predictions), IMPORTANCE: importance(predictions)}
    return Part(section, tables, {FILE: picture(draw_predictions, predictions)}, entries)


def _content(predictions: Sequence[Prediction]) -> Iterator[Content]:
    made = [one for one in predictions if one.scores]
    if made:
        yield explained(ABOUT)
        header = ("epoch", "set", "features", "members", "R²", "shuffled", "p", "R² of the loss")
        yield Grid(header, [row for one in made for row in _rows(one)])
        yield Files([(f"tables/{FILE}.csv", "csv"), (f"{FILE}.json", "json")])
        last = made[-1]
        yield Paragraph(ABOUT_IMPORTANCE.format(epoch=last.epoch))
        yield Grid(("layer", *last.blocks), [_important(last, k) for k in range(len(last.layers))])
        yield Files([(f"tables/{IMPORTANCE}.csv", "csv")])
        yield Picture(FILE, CAPTION)
    for one in predictions:
        if one.status != OK:
            yield Paragraph(f"Epoch {one.epoch}: {one.status}.")
        elif one.excluded:
            yield Paragraph(f"Epoch {one.epoch}: {one.excluded} members that have diverged were left out.")


def _rows(one: Prediction) -> Iterator[tuple[Cell, ...]]:
    for name, score in one.scores.items():
        yield (
            *(one.epoch, name, score.features, one.members),
            page.measured(score.r2, score.se),
            *(round(score.control, 4), score.p),
            page.measured(score.value_r2, score.value_se),
        )


def _important(one: Prediction, layer: int) -> tuple[Cell, ...]:
    values = zip(one.importance[layer], one.importance_se[layer], strict=True)
    return (one.layers[layer], *(page.measured(float(value), float(error)) for value, error in values))
