"""Recipes and parts of recipes as a person would write them, for the reference; the tests compile each."""

from __future__ import annotations

from typing import Final

VALUES: Final = {
    "validation": "0.1",
    "fold": "2",
    "schedule_by": "step",
    "clip_grad_norm": "1.0",
    "clip_grad_value": "0.5",
    "accumulate": "4",
    "global_batch": "256",
    "mixup": "0.2",
    "cutmix": "1.0",
    "aux_weight": "0.3",
    "best": "validation_loss",
    "seed": "1",
    "precision": "bf16",
    "checkpoint_every": "5",
    "checkpoint_keep": "3",
    "batch_size": "128",
    "drop_last": "true",
    "sampler": "balanced",
    "epochs": "10",
    "warmup": "5",
    "ema": "0.999",
    "early_stopping": "5",
    "no_decay": "[bias, norm]",
    "layer_decay": "0.75",
    "freeze": '["0.*"]',
    "groups": "[{parameters: [bias], lr: 0.2}]",
    "data": "FashionMNIST",
    "loss": "CrossEntropyLoss",
    "optimizer": "{SGD: {lr: 0.1, momentum: 0.9}}",
    "scheduler": "CosineAnnealingLR",
    "metrics": "[F1Score, {Accuracy: {top_k: 5}}]",
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

SEVERAL: Final = """
name: autoencoder
input: {image: [1, 28, 28]}
layers:
  - Flatten
  - Linear: 128
  - ReLU
  - as: hidden
  - Linear: 16
  - as: mu
  - Linear: 784
  - Unflatten: {dim: 1, unflattened_size: [1, 28, 28]}
  - as: picture
output:
  recon: picture
  mu: mu
  logvar: [use: hidden, Linear: 16]
  kind: [use: mu, Linear: 10]
train:
  data: {synthetic: {train: 512, test: 128}}   # FashionMNIST has pictures and labels too
  batch_size: 64
  epochs: 2
  optimizer: {Adam: {lr: 0.001}}
  loss:
    - {BCEWithLogitsLoss: , of: recon, target: image, weight: 784}
    - {GaussianKL: , of: [mu, logvar]}
    - {CrossEntropyLoss: , of: kind, weight: 10}
"""
"""A spec whose net has several outputs, with a loss for each."""
