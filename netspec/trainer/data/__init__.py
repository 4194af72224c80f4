"""The data of a run: found or downloaded, verified, split, and kept on the device if they fit."""

from netspec.trainer.data.load import default_budget, load_data
from netspec.trainer.data.parts import data_root
from netspec.trainer.data.splits import Batch, DataSplits, Resident, Split

__all__ = ["Batch", "DataSplits", "Resident", "Split", "data_root", "default_budget", "load_data"]
