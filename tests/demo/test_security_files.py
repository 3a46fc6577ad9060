"""Files that requests name: only those that the server received, of no more bytes than it takes."""

from __future__ import annotations

import hashlib
import io
import os
import wave
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio.utils import get_hash_seed
from PIL import Image
from security_tools import ROOT, Server, file, running_server

import combiner_core as cc
from demo.security.payloads import paths_in

NOT_UPLOADED = "is not a file that was uploaded here: upload it again."
MAX_BYTES = 1 << 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("files"), "--max-upload-mb", "1") as server:
        yield server


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of the machine that no visitor sent, one of each kind."""
    folder = tmp_path_factory.mktemp("private")
    Image.new("RGB", (8, 8), "red").save(folder / "private.png")
    with wave.open(str(folder / "private.wav"), "wb") as clip:
        clip.setparams((1, 2, 8000, 0, "NONE", ""))
        clip.writeframes(bytes(16000))
    (folder / "private.cmb").write_bytes(b"private")
    return {path.suffix[1:]: path for path in folder.iterdir()}


def png(side: int) -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((side, side), 50).save(stream, "PNG")
    return stream.getvalue()


def error_of(messages: list[dict[str, object]]) -> object:
    output = messages[-1]["output"]
    assert isinstance(output, dict)
    return output.get("error")


@pytest.mark.parametrize("with_meta", [False, True])
@pytest.mark.parametrize(
    ("elem_id", "trigger", "kind", "before", "after"),
    [
        ("image-source", "change", "png", [], []),
        ("image-compress", "click", "png", [], [300, "multires", "fast", None, None, None]),
        ("audio-source", "change", "wav", [], []),
        ("audio-compress", "click", "wav", [], [300, "multires", "fast", None, None, None]),
        ("decode-source", "change", "cmb", [], []),
        ("decode-run", "click", "cmb", [], [100, 1, None]),
        ("decode-run", "click", "png", [None, 100, 1], []),
    ],
)
def test_no_part_of_the_page_opens_a_file_of_the_server(
    server: Server,
    secrets: dict[str, Path],
    elem_id: str,
    trigger: str,
    kind: str,
    before: list[object],
    after: list[object],
    with_meta: bool,
) -> None:
    path = secrets[kind]
    named = file(path) if with_meta else {"path": str(path)}
    event = server.event(elem_id, trigger)
    assert error_of(server.join(event, [*before, named, *after])) == f"{path.name} {NOT_UPLOADED}"
    refusal = server.run(event, [*before, named, *after])
    assert NOT_UPLOADED in refusal.text
    assert refusal.status_code == 500


@pytest.mark.parametrize(("name", "kind"), [("compress", "png"), ("decompress", "cmb")])
def test_no_endpoint_opens_a_file_of_the_server(
    server: Server, secrets: dict[str, Path], name: str, kind: str
) -> None:
    rest = [900, "bytes", "multires", "fast"] if name == "compress" else [1, 1]
    link = server.cache / f"link.{kind}"
    link.symlink_to(secrets[kind])
    names = [
        secrets[kind],
        link,
        server.cache,
        f"{server.cache}/../../{secrets[kind].name}",
        f"{server.cache}/nothing.{kind}",
        f"{server.cache}/\0.{kind}",
        f"{server.url}/assets/x.{kind}",
        ROOT / "assets" / "examples" / "portrait.png",
        "~/.ssh/id_rsa",
        "",
        "." * 5000,
    ]
    for path in names:
        kind_of, text = server.call(name, [file(path), *rest])
        assert (kind_of, NOT_UPLOADED in text) == ("error", True), path
    # An address to fetch from is no file either.
    for odd in ({"url": f"{server.url}/x.png"}, file("", url=f"{server.url}/x.png"), [file("/x")]):
        assert server.call(name, [odd, *rest])[0] == "error"
    link.unlink()


def test_whether_a_file_exists_is_not_told(server: Server, secrets: dict[str, Path]) -> None:
    path = secrets["png"]
    answers = {
        server.call("compress", [file(each), 900, "bytes", "multires", "fast", -1])
        for each in (path, path.parent / "none" / path.name)
    }
    assert len(answers) == 1


def test_uploads_and_examples_are_taken(server: Server) -> None:
    path = server.upload("noise.png", png(32)).json()[0]
    event = server.event("image-source", "change")
    assert error_of(server.join(event, [file(path)])) is None
    example = server.event("image-examples", "choose")
    (shown,) = server.run(example, [], {"name": "osprey"}).json()["data"]
    assert error_of(server.join(event, [shown])) is None


def test_names_of_uploads_are_secret(server: Server) -> None:
    data = png(16)
    path = Path(server.upload("a.png", data).json()[0])
    assert len(path.parent.name) == 64
    # Gradio's own secret is the same for every app of the machine.
    known = hashlib.sha256(get_hash_seed().encode() + data).hexdigest()
    assert path.parent.name not in (known, hashlib.sha256(data).hexdigest())


def test_files_of_too_many_bytes_are_refused_unread(server: Server) -> None:
    refusal = server.upload("big.png", os.urandom(MAX_BYTES + (1 << 17)))
    assert (refusal.status_code, refusal.text) == (413, "At most 1 MB are accepted here.")
    # Without a length beforehand, it is counted.
    body = (bytes(1 << 16) for _ in range(40))
    headers = {"content-type": "multipart/form-data; boundary=x"}
    assert server.client.post("/gradio_api/upload", content=body, headers=headers).is_error
    # What lies there already, as a large result, is not read either.
    large = server.cache / "large.png"
    large.write_bytes(bytes(MAX_BYTES + 1))
    for name, rest in (("compress", [9, "bytes", "multires", "fast", -1]), ("decompress", [1, 1])):
        assert "larger than 1 MB" in server.call(name, [file(large), *rest])[1]
    large.unlink()


def test_few_files_a_request(server: Server) -> None:
    few = [("files", (f"{index}.txt", b"x")) for index in range(4)]
    assert server.client.post("/gradio_api/upload", files=few).is_success
    refusal = server.client.post("/gradio_api/upload", files=[*few, ("files", ("5.txt", b"x"))])
    assert (refusal.status_code, "At most 4 files" in refusal.text) == (413, True)


def test_other_requests_are_small(server: Server) -> None:
    for path in ("/gradio_api/queue/join", "/gradio_api/call/compress", "/login"):
        assert server.client.post(path, content=bytes(2 << 20)).status_code == 413


def test_no_answer_names_a_folder_of_the_server(server: Server, secrets: dict[str, Path]) -> None:
    (server.cache / "torn.png").write_bytes(png(32)[:200])
    torn = file(server.cache / "torn.png")
    server.client.get("/")
    server.client.get("/gradio_api/info")
    server.client.get("/gradio_api/openapi.json")
    server.join(server.event("image-source", "change"), [torn])
    server.call("compress", [torn, 900, "bytes", "multires", "fast", -1])
    server.call("decompress", [torn, 1, 1])
    server.run(server.event("image-compress", "click"), [torn])
    # Gradio fails, and the connection ends with it.
    nothing = httpx.post(f"{server.url}/gradio_api/run/predict", json={"data": [], "fn_index": 999})
    assert nothing.status_code == 500
    server.seen.append(nothing.text)
    server.client.post("/gradio_api/queue/join", content=b"{")
    assert server.client.get(f"/gradio_api/file={secrets['png']}").status_code == 403
    assert httpx.get(f"{server.url}/gradio_api/file={ROOT}/app.py").status_code == 403
    folder = str(server.cache)
    assert len(server.seen) > 15
    for text in server.seen:
        # Gradio puts the path of an upload into its address.
        rest = text.replace(folder, "")
        assert str(ROOT) not in rest
        assert "Traceback" not in rest
        assert "site-packages" not in rest
        assert str(server.temp) not in rest


def test_paths_are_found_however_deep() -> None:
    value = [{"a": [{"path": "x", "more": {"path": "y"}}]}, "text", 3, None, {"value": ["z"]}]
    assert sorted(paths_in(value)) == ["x", "y"]
    for address in ({"url": "http://x"}, {"meta": {}, "path": None}):
        with pytest.raises(cc.CombinerError, match="upload it first"):
            list(paths_in(address))
