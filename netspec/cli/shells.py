"""The scripts by which shells ask what completes a line: click's, with no blank behind a key and its `=`."""

from __future__ import annotations

import os
from typing import Any, ClassVar, Final

from click.shell_completion import BashComplete, CompletionItem, ZshComplete, add_completion_class, split_arg_string

_BASH_ADDS: Final = "            COMPREPLY+=($value)\n"
_ZSH_ADDS: Final = '                completions+=("$key")\n'
_ZSH_GIVES: Final = "    compadd -U -V unsorted -a completions\n    fi\n"


class Bash(BashComplete):
    """bash, which takes a word apart at `=`: `width=8` comes as three."""

    source_template: ClassVar[str] = BashComplete.source_template.replace(
        _BASH_ADDS, f"{_BASH_ADDS}            [[ $value == *= ]] && compopt -o nospace\n"
    )

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._key = ""
        """What of the last word bash keeps as it is."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words in front of the last one, and that: a key with its value is one word again."""
        words = split_arg_string(os.environ["COMP_WORDS"])
        at = int(os.environ["COMP_CWORD"])
        words = [*words, *[""] * (at + 1 - len(words))]
        whole: list[str] = []
        for before, word in zip(["", *words[1:at]], words[1 : at + 1], strict=True):
            joins = whole and (word == "=" or (before == "=" and whole[-1].endswith("="))) and whole[-1][:1] != "-"
            if joins:
                whole[-1] += word
            else:
                whole.append(word)
        last = whole.pop() if whole else ""
        if last[:1] != "-":
            self._key = last[: last.rfind("=") + 1]
        return whole, last

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """An item as the script reads it, without what bash keeps."""
        return f"{item.type},{str(item.value).removeprefix(self._key)}"


class Zsh(ZshComplete):
    """zsh."""

    source_template: ClassVar[str] = (
        ZshComplete.source_template.replace(
            _ZSH_ADDS, '                if [[ "$key" == *= ]]; then keys+=("$key"); else completions+=("$key"); fi\n'
        )
        .replace(_ZSH_GIVES, f'{_ZSH_GIVES}    if [ -n "$keys" ]; then compadd -U -V unsorted -S "" -a keys; fi\n')
        .replace("    local -a completions\n", "    local -a completions keys\n")
    )


def know_shells() -> None:
    """Let click give these scripts in the place of its own."""
    add_completion_class(Bash)
    add_completion_class(Zsh)
