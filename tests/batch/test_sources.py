"""What a batch is made of: folders, patterns, manifests, other file systems."""

from __future__ import annotations

import json
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from combiner_core.batch import Entry, Shard, Sources
from combiner_core.batch.manifest import read_manifest
from combiner_core.batch.places import Place
from combiner_core.budget import Budget
from combiner_core.errors import CombinerError, SignalError

FILES = ("b.png", "a/c.jpg", "a/d.txt", "a/e/f.wav", ".hidden", ".git/config", "x[1]/g.png")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path / "data"


def names(*sources: object, **more: object) -> list[str]:
    found = list(Sources(tuple(map(str, sources)), **more).entries())  # type: ignore[arg-type]
    for entry in found:
        assert Place(entry.source).read()
    return [entry.name for entry in found]


def test_a_folder_is_all_that_is_not_hidden(folder: Path) -> None:
    assert names(folder) == ["a/c.jpg", "a/d.txt", "a/e/f.wav", "b.png", "x[1]/g.png"]
    assert names(f"{folder}/") == names(folder) == names(f"file://{folder}")
    assert names(folder, suffix=".png") == ["b.png", "x[1]/g.png"]
    assert names(folder, without=Place.of(str(folder / "a"))) == ["b.png", "x[1]/g.png"]


def test_a_folder_named_like_a_pattern_is_a_folder(folder: Path) -> None:
    assert names(folder / "x[1]") == ["g.png"]


def test_patterns_keep_what_is_below_their_first_star(folder: Path) -> None:
    assert names(f"{folder}/a/*.*") == ["c.jpg", "d.txt"]
    assert names(f"{folder}/**/*.wav") == ["a/e/f.wav"]
    assert names(f"{folder}/*/*.jpg") == ["a/c.jpg"]


def test_several_sources_keep_what_tells_them_apart(folder: Path) -> None:
    assert names(folder / "a" / "e", folder / "x[1]") == ["a/e/f.wav", "x[1]/g.png"]
    assert names(folder / "b.png", folder / "a" / "c.jpg") == ["b.png", "a/c.jpg"]


def test_parts_have_every_file_once(folder: Path) -> None:
    parts = [names(folder, shard=Shard(index, 3)) for index in range(3)]
    assert sorted(name for part in parts for name in part) == names(folder)
    assert [names(folder, shard=Shard(index, 3)) for index in range(3)] == parts


def test_an_archive_is_a_folder(folder: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in FILES:
            archive.write(folder / name, f"data/{name}")
    assert names(f"zip://data::{tmp_path}/all.zip") == names(folder)
    assert names(f"zip://data/*.png::{tmp_path}/all.zip") == ["b.png"]


LINES = [
    {"source": "b.png"},
    {"source": "a/c.jpg", "output": "other/c.cmb", "bpp": 0.5},
    {"source": "a/e/f.wav", "kbps": 12, "more": "is not looked at"},
]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_manifests(kind: str, folder: Path) -> None:
    path = folder / f"list.{kind}"
    lines = [*LINES, {"source": str(folder / "b.png"), "bytes": 200}]
    if kind == "jsonl":
        path.write_text("\n\n".join(map(json.dumps, lines)))
    else:
        pyarrow = pytest.importorskip("pyarrow", reason="the extra `batch` is not installed")
        from pyarrow import parquet

        fields = ("source", "output", "bytes", "bpp", "kbps", "more")
        columns = {field: [line.get(field) for line in lines] for field in fields}
        parquet.write_table(pyarrow.table(columns), path)
    first, second, third, fourth = Sources((str(path),)).entries()
    assert first == Entry(str(folder / "b.png"), "b.png")
    assert second == Entry(
        str(folder / "a/c.jpg"), "other/c.cmb", Budget(0.5, "bpp"), "other/c.cmb"
    )
    assert (third.name, third.budget) == ("a/e/f.wav", Budget(12, "kbps"))
    assert (fourth.source, fourth.budget) == (first.source, Budget(200))
    assert fourth.name == str(folder / "b.png").lstrip("/")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "Line 1 of list.jsonl is not JSON."),
        ('{"source": "a"}\nno', "Line 2 of list.jsonl is not JSON."),
        ("[]", "Line 1 of list.jsonl has no source."),
        ('{"source": ""}', "Line 1 of list.jsonl has no source."),
        ('{"source": "a", "output": "../b"}', "an output that is no path below"),
        ('{"source": "a", "output": "/b"}', "an output that is no path below"),
        ('{"source": "../a"}', "a source above the manifest: give it an output."),
        ('{"source": "a", "bpp": 1, "bytes": 3}', "has bytes and bpp: one is enough."),
        ('{"source": "a", "bpp": -1}', "Line 1 of list.jsonl: A budget of -1 bpp"),
        ('{"source": "a", "bpp": "x"}', "A budget is a number"),
    ],
)
def test_damaged_manifests_are_refused(content: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "list.jsonl"
    path.write_text(content)
    with pytest.raises(CombinerError) as caught:
        list(Sources((str(path),)).entries())
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="the extra `batch` is not installed")
    (tmp_path / "list.parquet").write_text("no")
    with pytest.raises(CombinerError, match=r"^list\.parquet is not a Parquet file\.$"):
        list(Sources((str(tmp_path / "list.parquet"),)).entries())


@given(
    st.one_of(
        st.binary(max_size=60),
        st.dictionaries(
            st.sampled_from(["source", "output", "bytes", "bpp", "kbps"]),
            st.one_of(st.none(), st.text(max_size=8), st.floats(), st.integers(), st.booleans()),
        ).map(lambda row: json.dumps(row).encode()),
    )
)
def test_any_line_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, line: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(line)
    try:
        found = list(read_manifest(Place.of(str(path))))
    except CombinerError as error:
        found = []
        if "\n" in str(error):
            raise
    for entry in found:
        below = Path(entry.output or entry.name)
        assert not below.is_absolute()
        assert ".." not in below.parts


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An FTP server, and its folder: a file system that is not of this machine."""
    pyftpdlib = pytest.importorskip("pyftpdlib.servers", reason="no FTP server to test with")
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler

    root = tmp_path / "served"
    root.mkdir()
    authorizer = DummyAuthorizer()
    authorizer.add_user("user", "word", str(root), perm="elradfmwMT")
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    with pyftpdlib.ThreadedFTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"handle_exit": False})
        thread.start()
        yield f"ftp://user:word@127.0.0.1:{server.address[1]}", root
        server.close_all()
        thread.join()


def cut_off(place: Place) -> None:
    with place.appearing() as stream:
        stream.write(b"half")
        raise KeyboardInterrupt


def test_files_of_another_machine(server: tuple[str, Path], folder: Path) -> None:
    url, root = server
    (root / "in" / "deep").mkdir(parents=True)
    (root / "in" / "b.png").write_text("b")
    (root / "in" / "deep" / "c.png").write_text("c")
    assert names(f"{url}/in") == ["b.png", "deep/c.png"]
    (entry,) = Sources((f"{url}/in/b.png",)).entries()
    assert "word" not in Place(entry.source).shown
    assert names(f"{url}/in/*.png") == ["b.png"]

    out = Place.of(f"{url}/out")
    assert not out.exists()
    for content in (b"first", b"second"):
        out.below("a/b.cmb").write(content)
        assert (root / "out" / "a" / "b.cmb").read_bytes() == content
    assert [path.name for path in (root / "out" / "a").iterdir()] == ["b.cmb"]
    with pytest.raises(SignalError, match=r"^gone\.png "):
        Place.of(f"{url}/in/gone.png").read()
    with pytest.raises(KeyboardInterrupt):
        cut_off(out.below("cut.jsonl"))
    assert sorted(path.name for path in (root / "out").rglob("*")) == ["a", "b.cmb"]


def test_a_local_file_appears_whole(tmp_path: Path) -> None:
    place = Place.of(str(tmp_path / "table"))
    with place.appearing() as stream:
        stream.write(b"half")
        assert not place.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["table"]
