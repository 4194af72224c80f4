"""Recipes and parts of recipes as a person would write them, for the reference; the tests compile each."""

from __future__ import annotations

from typing import Final

ARGUMENTS: Final = {
    "EMNIST": "letters",
    "folder": "pictures",
    "tensors": "{train: train.safetensors}",
    "Resize": "224",
    "CenterCrop": "224",
    "Pad": "2",
    "Normalize": "{mean: [0.5], std: [0.5]}",
    "RandomCrop": "{size: 28, padding: 4}",
    "RandomResizedCrop": "224",
    "RandomRotation": "15",
    "RandomAffine": "{degrees: 10, translate: [0.1, 0.1]}",
    "RandomSolarize": "0.5",
    "RandomPosterize": "4",
    "RandomAdjustSharpness": "2",
    "GaussianBlur": "3",
    "StepLR": "{step_size: 30}",
    "MultiStepLR": "{milestones: [60, 80]}",
    "ExponentialLR": "0.95",
    "CosineAnnealingWarmRestarts": "10",
    "OneCycleLR": "0.1",
    "CyclicLR": "{base_lr: 0.001, max_lr: 0.1}",
}
"""The arguments of an example, for what cannot be called without any."""

VALUES: Final = {
    "validation": "0.1",
    "schedule_by": "step",
    "clip_grad_norm": "1.0",
    "clip_grad_value": "0.5",
    "accumulate": "4",
    "mixup": "0.2",
    "cutmix": "1.0",
    "aux_weight": "0.3",
    "best": "validation_loss",
    "seed": "1",
    "precision": "bf16",
    "checkpoint_every": "5",
    "checkpoint_keep": "3",
    "batch_size": "128",
    "epochs": "10",
    "warmup": "5",
    "ema": "0.999",
    "early_stopping": "5",
    "no_decay": "[bias, norm]",
    "freeze": '["0.*"]',
    "groups": "[{parameters: [bias], lr: 0.2}]",
    "data": "FashionMNIST",
    "loss": "CrossEntropyLoss",
    "optimizer": "{SGD: {lr: 0.1, momentum: 0.9}}",
    "scheduler": "CosineAnnealingLR",
    "transforms": "[Resize: 224]",
    "augment": "[RandomHorizontalFlip]",
}
"""The value of each key of a recipe in an example."""

RECIPE: Final = """
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 16, kernel_size: 3, padding: 1}
  - ReLU
  - MaxPool2d: 2
  - Flatten
  - Linear: 10
train:
  data: FashionMNIST
  validation: 0.1
  transforms: [Normalize: {mean: [0.286], std: [0.353]}]
  augment: [RandomCrop: {size: 28, padding: 2}, RandomHorizontalFlip]
  batch_size: 128
  epochs: 10
  optimizer: {SGD: {lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 0.0005}}
  no_decay: [bias, norm]
  scheduler: CosineAnnealingLR
  warmup: 1
  loss: {CrossEntropyLoss: {label_smoothing: 0.1}}
  early_stopping: 3
"""
"""A spec whose recipe uses most of what there is."""

OWN_DATA: Final = {
    "folder": """
input: [3, 64, 64]
layers: [AdaptiveAvgPool2d: 8, Flatten, Linear: 5]
train:
  data: {folder: {path: flowers, classes: 5}}   # flowers/train/CLASS/*.jpg, flowers/test/CLASS/*.jpg
  transforms: [Resize: {size: [64, 64]}]
  batch_size: 64
  epochs: 10
  optimizer: {AdamW: {lr: 0.001}}
  loss: CrossEntropyLoss
""",
    "tensors": """
input: [13]
layers: [Linear: 64, ReLU, Linear: 1]
train:
  data: {tensors: {train: houses-train.safetensors, test: houses-test.safetensors}}
  validation: 0.2
  batch_size: 32
  epochs: 50
  optimizer: {Adam: {lr: 0.001}}
  loss: MSELoss
""",
    "synthetic": """
input: [3, 32, 32]
layers: [AvgPool2d: 4, Flatten, Linear: 10]
train:
  data: {synthetic: {train: 2048, test: 512}}   # shape and classes are the net's own
  batch_size: 64
  epochs: 2
  optimizer: {SGD: {lr: 0.05}}
  loss: CrossEntropyLoss
""",
}
"""A spec for each of the data sets of this language's own."""
