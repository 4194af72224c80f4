"""The few words of a picture that are no names, in English and in Chinese."""

from __future__ import annotations

from typing import Final, Literal, get_args

from netspec.views.describe import plural

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
TAGS: Final[dict[Language, str]] = {"en": "en", "zh": "zh-Hans"}
"""Languages as HTML calls them."""

_CHINESE: Final = {
    "input": "输入", "output": "输出", "parameters": "参数", "parameter": "参数",
    "shares": "共用", "shared": "共用", "of": "/", "MACs": "乘加", "layers": "层", "layer": "层",
    "stride": "步幅", "pad": "填充", "heads": "头", "groups": "组", "Conv": "卷积", "ConvTranspose": "转置卷积",
    "MaxPool": "最大汇聚", "AvgPool": "平均汇聚", "FC": "全连接", "Flatten": "展平", "Dropout": "暂退",
    "Embedding": "嵌入",
    "convolution": "卷积", "pooling": "汇聚", "normalization": "规范化", "linear": "全连接", "activation": "激活",
    "dropout": "暂退", "shape": "变形", "padding": "填充", "embedding": "嵌入", "attention": "注意力",
    "recurrent": "循环", "block": "块", "once": "一次", "height": "高", "width": "宽", "channels": "通道",
    "sides": "边长", "logarithmic scale": "对数尺度", "linear scale": "线性尺度", "training only": "仅训练",
    "in both": "两者都有", "differs": "有别", "another layer in its place": "换成另一层",
    "in the left one alone": "仅左边", "in the right one alone": "仅右边", "longest path": "最长路径", "ratio": "比值",
    "trainable": "可训练", "buffers": "缓冲", "FLOPs": "浮点运算", "weights": "权重", "activations": "激活值",
    "Numbers": "数值", "Layer by layer": "逐层比较",
}  # fmt: skip


def layers_text(count: int, language: Language) -> str:
    """`1 layer`, `13 layers`."""
    return plural(count, "layer") if language == "en" else f"{count:,} {said('layers', language)}"


def said(word: str, language: Language) -> str:
    """A word in a language; one that has no translation, as a layer's name, as it is."""
    return _CHINESE.get(word, word) if language == "zh" else word
