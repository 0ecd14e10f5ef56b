"""Training many small networks at once: one vectorised program over a member axis."""

from ensemble.config import TrainConfig
from ensemble.continuing import Trained
from ensemble.data import DataError, Dataset, load
from ensemble.replay import replay
from ensemble.snapshot import Snapshot
from ensemble.step import Record
from ensemble.train import Moment, TrainResult, train

__all__ = [
    "DataError",
    "Dataset",
    "Moment",
    "Record",
    "Snapshot",
    "TrainConfig",
    "TrainResult",
    "Trained",
    "load",
    "replay",
    "train",
]
