"""The words of the page itself in Chinese, where a picture has none of them; `{}` stands for a value.

They stand in English where they are said: in `page.html` between double braces, in the scripts as what `say` is given.
"""

from __future__ import annotations

import html
import re
from typing import Final

from netspec.drawing.language import Language, said

_CHINESE: Final = {
    "View": "视图", "Search": "搜索", "Search layers, names and arguments": "搜索层、名称和参数",
    "open all": "全部展开",
    "Open every block": "展开所有块", "close all": "全部折叠", "Close every block": "折叠所有块", "Zoom out": "缩小",
    "Zoom in": "放大", "Zoom to 100 %": "缩放至 100 %", "fit": "适合宽度", "Fit the width of the page": "适合页面宽度",
    "Light, dark, or as the system is": "浅色、深色或跟随系统", "theme: auto": "主题：自动",
    "theme: light": "主题：浅色",
    "theme: dark": "主题：深色", "Network": "网络", "Details": "详情",
    "This page draws a network with JavaScript, which is switched off here.":
        "本页用 JavaScript 绘制网络，而它在此已关闭。",
    "{} parameters": "{} 个参数", "{} MACs": "{} 次乘加", "{} layer": "{} 层", "{} layers": "{} 层",
    "gives {}": "输出 {}", "block, gives {}": "块，输出 {}", "part {}": "第 {} 份", "as {}": "记为 {}",
    "name": "名称", "arguments": "实参", "takes": "输入", "gives": "输出", "because": "由来", "path": "路径",
    "line": "行", "{} of {}": "{}，{}", "memory": "内存",
    "bytes of what the layers give, for one example": "一个样本在各层输出所占的字节", "most in {}, {}": "最多：{}，{}",
    "{} found": "找到 {} 处", "{} of {} found": "第 {} 处，共 {} 处", "error": "错误", "warning": "警告",
}  # fmt: skip
_SHARED: Final = ("parameters", "MACs", "layers", "training only")
"""Words of the scripts that pictures have, too."""
_MARKED: Final = re.compile(r"\{\{(.+?)\}\}")


def words(language: Language) -> dict[str, str]:
    """What the scripts say in the place of English."""
    if language == "en":
        return {}
    return {**_CHINESE, **{word: said(word, language) for word in _SHARED}}


def in_language(markup: str, language: Language) -> str:
    """Markup with its marked words in a language."""
    table = words(language)
    return _MARKED.sub(lambda mark: html.escape(table[mark[1]] if table else mark[1]), markup)
