"""Commands that are killed: the benchmark runs, and finds what is half written."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.reliability import kills
from combiner_core.errors import CombinerError


@pytest.mark.slow
def test_killed_commands_leave_whole_files(tmp_path: Path) -> None:
    rows = list(kills.measure(tmp_path, rounds=3))
    assert [row["command"] for row in rows] == ["encode", "train siren", "train multires"]
    assert all(row["rounds"] == 3 for row in rows)


def test_a_half_written_file_is_found(tmp_path: Path) -> None:
    encoding, *_ = kills.victims(tmp_path)
    output = tmp_path / "encode" / "picture.cmb"
    output.parent.mkdir()
    assert encoding.check() == "none"
    output.write_bytes(b"CMB1 but not all of it")
    with pytest.raises(CombinerError):
        encoding.check()
