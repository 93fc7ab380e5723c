"""Files written whole or not at all, and locks."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from sobolev.datasets.files import locked, remove_strays, replacing, write_whole
from sobolev.geometry.errors import InputError


def half_written(path: Path) -> None:
    path.write_text("half")
    raise ValueError("half")


def test_an_error_in_the_block_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_whole(path, "old")
    with pytest.raises(ValueError, match="half"), replacing(path) as temporary:
        half_written(temporary)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["figures.json"]


def test_the_new_content_takes_the_place_of_the_old(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    for content in ("λ", b"\x00\xff"):
        write_whole(path, content)
    assert path.read_bytes() == b"\x00\xff"
    assert [p.name for p in tmp_path.iterdir()] == ["figures.json"]


def hold(lock: Path, held: multiprocessing.synchronize.Event, done: object) -> None:
    with locked(lock, "taken"):
        held.set()
        done.wait(30)  # type: ignore[attr-defined]


def test_a_second_process_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    held, done = context.Event(), context.Event()
    lock = tmp_path / "folder" / "lock"
    process = context.Process(target=hold, args=(lock, held, done))
    process.start()
    assert held.wait(30)
    with pytest.raises(InputError, match="taken"), locked(lock, "taken"):
        pass
    process.kill()
    process.join()
    with locked(lock, "taken"):
        assert lock.exists()
    assert not lock.exists()


def test_strays_of_a_killed_process_are_removed_and_files_are_not(tmp_path: Path) -> None:
    for name in (".weights.7.tmp", "weights", ".hidden"):
        (tmp_path / name).touch()
    remove_strays(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "weights"]
