"""The words of a comparison in Chinese, where a picture has none of them; `{…}` stands for names and numbers.

They stand in English where they are said, in `netspec/comparison/`.
"""

from __future__ import annotations

from typing import Final

from netspec.comparison import Say
from netspec.drawing.language import Language

_CHINESE: Final = {
    "{a} has {} parameters, {b} has {}": "{a} 有 {} 个参数，{b} 有 {} 个",
    "{b} has {params} the parameters of {a}": "{b} 的参数量为 {a} 的{params}",
    "{a} and {b} have equally many parameters and MACs": "{a} 与 {b} 的参数量和乘加次数相同",
    "{b} has {params} the parameters of {a} and {macs} its MACs":
        "{b} 的参数量为 {a} 的{params}，乘加次数为其{macs}",
    "exactly": " 1 倍", "{ratio} times": " {ratio} 倍", ".": "。", ", ": "，",
    "The layers are the same, one by one.": "各层逐一相同。",
    "{} difference between the layers: ": "层间有 {} 处差异：",
    "{} differences between the layers: ": "层间有 {} 处差异：",
    "{} added": "新增 {}", "{} removed": "移除 {}", "{} changed": "修改 {}",
    "other values": "其他数值",
    "only in {net}, with its path there": "仅在 {net} 中，附其中的路径",
    "in both, with other arguments": "两者都有，实参不同",
    "; {place}: its path in {a} → in {b}": "；{place}：在 {a} 中的路径 → 在 {b} 中的路径",
    "freeze": "冻结", "shared with an earlier layer": "与前面的层共用",
}  # fmt: skip


def say_in(language: Language) -> Say:
    """What is said for English words in a language; what has no translation, as the name of an argument, as it is."""
    return str if language == "en" else lambda words: _CHINESE.get(words, words)
