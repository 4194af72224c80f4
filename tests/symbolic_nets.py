"""Specs with symbolic input sizes, for the tests of formulas. Together they use every kind of shape rule."""

from __future__ import annotations

LENET = """
input: [1, H, W]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}
  - Sigmoid
  - AvgPool2d: {kernel_size: 2, stride: 2}
  - Conv2d: {out_channels: 16, kernel_size: 5}
  - Sigmoid
  - AvgPool2d: {kernel_size: 2, stride: 2}
  - Flatten
  - Linear: 120
  - Linear: 10
"""

ALEXNET = """
input: [1, H, W]
layers:
  - Conv2d: {out_channels: 96, kernel_size: 11, stride: 4, padding: 1}
  - MaxPool2d: {kernel_size: 3, stride: 2}
  - Conv2d: {out_channels: 256, kernel_size: 5, padding: 2}
  - MaxPool2d: {kernel_size: 3, stride: 2}
  - Conv2d: {out_channels: 384, kernel_size: 3, padding: 1}
  - Conv2d: {out_channels: 384, kernel_size: 3, padding: 1}
  - Conv2d: {out_channels: 256, kernel_size: 3, padding: 1}
  - MaxPool2d: {kernel_size: 3, stride: 2}
  - Flatten
  - Linear: 4096
  - Linear: 10
"""

ALEXNET_6400 = ALEXNET.replace("Linear: 4096", "Linear: {in_features: 6400, out_features: 4096}")

VGG = """
input: [3, H, W]
blocks:
  stage(width, depth):
    - repeat: depth
      do:
        - Conv2d: {out_channels: width, kernel_size: 3, padding: same}
        - ReLU
    - MaxPool2d: 2
layers:
  - stage: [8, 1]
  - stage: [16, 1]
  - stage: [32, 2]
  - Flatten
  - Linear: 10
"""

RESNET = """
input: [3, H, W]
blocks:
  basic(width, stride=1):
    - residual:
        - Conv2d: {out_channels: width, kernel_size: 3, stride: stride, padding: 1, bias: false}
        - BatchNorm2d
        - ReLU
        - Conv2d: {out_channels: width, kernel_size: 3, padding: 1, bias: false}
        - BatchNorm2d
      shortcut:
        - Conv2d: {out_channels: width, kernel_size: 1, stride: stride, bias: false}
          when: stride != 1 or in_channels != width
    - ReLU
layers:
  - Conv2d: {out_channels: 8, kernel_size: 7, stride: 2, padding: 3, bias: false}
  - MaxPool2d: {kernel_size: 3, stride: 2, padding: 1}
  - basic: 8
  - basic: [16, 2]
  - basic: [32, 2]
  - AdaptiveAvgPool2d: 1
  - Flatten
  - Linear: 10
"""

CEIL_AND_DILATION = """
input: [4, H, W]
layers:
  - Conv2d: {out_channels: 8, kernel_size: [3, 5], dilation: [2, 1], padding: [1, 2], groups: 2}
  - MaxPool2d: {kernel_size: 3, stride: 2, ceil_mode: true}
  - AvgPool2d: {kernel_size: 2, padding: 1, ceil_mode: true}
  - ReflectionPad2d: {padding: [1, 2, 3, 0]}
  - MaxPool2d: {kernel_size: 3, stride: 3, dilation: 2}
"""

GENERATOR = """
input: [8, H, W]
layers:
  - ConvTranspose2d: {out_channels: 4, kernel_size: 4, stride: 2, padding: 1}
  - Upsample: {scale_factor: 2}
  - Conv2d: {out_channels: 4, kernel_size: 3, stride: 3, padding: 1}
  - Upsample: {scale_factor: [1.5, 0.25]}
  - ConvTranspose2d: {out_channels: 16, kernel_size: [5, 3], stride: [3, 1], padding: 2, output_padding: [1, 0]}
  - PixelShuffle: {upscale_factor: 2}
  - ZeroPad2d: {padding: [-1, 0, 1, -2]}
"""

UNET = """
input: [1, H, W]
blocks:
  level(depth, width):
    - concat:
        - []
        - - MaxPool2d: 2
          - Conv2d: {out_channels: 2 * width, kernel_size: 3, padding: 1}
          - level: [depth - 1, 2 * width]
            when: depth > 1
          - ConvTranspose2d: {out_channels: width, kernel_size: 2, stride: 2}
    - Conv2d: {out_channels: width, kernel_size: 3, padding: 1}
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - level: [3, 4]
"""

TEXT = """
input: [W, H]
layers:
  - Conv1d: {out_channels: 6, kernel_size: 7, stride: 3}
  - residual: [Conv1d: {out_channels: 6, kernel_size: 3, padding: same}]
  - MaxPool1d: {kernel_size: 4, stride: 2, padding: 2}
  - Flatten
  - Linear: 5
"""

NETS = {
    "lenet": LENET,
    "alexnet": ALEXNET,
    "alexnet-6400": ALEXNET_6400,
    "vgg": VGG,
    "resnet": RESNET,
    "ceil": CEIL_AND_DILATION,
    "generator": GENERATOR,
    "unet": UNET,
    "text": TEXT,
}
