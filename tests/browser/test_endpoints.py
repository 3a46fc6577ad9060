"""The endpoints, as a program calls them."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from browser_tools import ROOT
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import combiner_core as cc

pytestmark = pytest.mark.browser

README = ROOT / "README.md"


@pytest.fixture(scope="module")
def client(app_url: str, tmp_path_factory: pytest.TempPathFactory) -> Client:
    folder = tmp_path_factory.mktemp("client")
    return Client(app_url, download_files=folder, verbose=False, analytics_enabled=False)


def test_the_snippet_of_the_readme_runs(
    app_url: str, photo: cc.Signal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    (snippet,) = [block for block in blocks if "gradio_client" in block]
    assert "http://127.0.0.1:7860" in snippet
    monkeypatch.chdir(tmp_path)
    cc.save(photo, Path("photo.png"))
    names: dict[str, str] = {}
    exec(snippet.replace("http://127.0.0.1:7860", app_url), names)
    data = Path(names["compressed"]).read_bytes()
    assert len(data) <= 900
    assert np.array_equal(
        cc.load(Path(names["decoded"])).values, cc.decode(data, device="cpu").values
    )


def test_a_program_compresses_and_decompresses(
    client: Client, photo: cc.Signal, tmp_path: Path
) -> None:
    cc.save(photo, tmp_path / "photo.png")
    compressed, report = client.predict(
        handle_file(tmp_path / "photo.png"),
        budget=900,
        unit="bytes",
        api_name="/compress",
    )
    data = Path(compressed).read_bytes()
    assert Path(compressed).name == "photo.cmb"
    assert len(data) == report["result"]["bytes"] <= 900

    decoded, report = client.predict(handle_file(compressed), api_name="/decompress")
    assert Path(decoded).name == "photo-decoded.png"
    assert np.array_equal(cc.load(decoded).values, cc.decode(data, device="cpu").values)
    assert report["signal"] == {"kind": "image", "size": "96 × 64 pixels"}


def test_a_clip_and_part_of_its_file(client: Client, clip: cc.Signal, tmp_path: Path) -> None:
    cc.save(clip, tmp_path / "voice.wav")
    compressed, _ = client.predict(
        handle_file(tmp_path / "voice.wav"), budget=8, unit="kbps", api_name="/compress"
    )
    decoded, _ = client.predict(handle_file(compressed), fraction=0.5, api_name="/decompress")
    assert cc.load(decoded).samples == clip.samples


def test_errors_are_sentences(client: Client, tmp_path: Path) -> None:
    (tmp_path / "noise.cmb").write_bytes(bytes(range(200)))
    with pytest.raises(AppError) as refusal:
        client.predict(handle_file(tmp_path / "noise.cmb"), api_name="/decompress")
    assert "/" not in str(refusal.value)


def test_only_these_endpoints_are_public(client: Client) -> None:
    endpoints = client.view_api(return_format="dict")
    assert isinstance(endpoints, dict)
    assert set(endpoints["named_endpoints"]) == {"/compress", "/decompress"}
