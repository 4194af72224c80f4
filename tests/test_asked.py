"""Whoever asked is answered in his own words, by whatever thread finds what to say."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from netspec.asked import as_command, option, setting


def said() -> tuple[str, str]:
    return option("run", "runs/a"), setting("train.epochs", 3)


def test_a_program_and_a_command_are_answered_each_in_its_words_in_every_thread() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert {said(), pool.submit(said).result()} == {("`run='runs/a'`", "`set={'train.epochs': 3}`")}
        with as_command():
            assert {said(), pool.submit(said).result()} == {("`--run runs/a`", "`--set train.epochs=3`")}
        assert pool.submit(said).result()[0] == "`run='runs/a'`"


def test_a_flag_is_denied_as_the_one_who_asks_denies_it() -> None:
    assert option("shard", False) == "`shard=False`"
    with as_command():
        assert option("shard", False) == "`--no-shard`"
        assert option("auto_resume", True) == "`--auto-resume`"
