"""Settings of the app: defaults, options, variables of the environment, refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from combiner_core import Limits
from demo import settings
from demo.capacity import capacity_of
from demo.workers import machine


def test_defaults_serve_this_machine_only() -> None:
    found = settings.read([], {})
    assert found == settings.Settings()
    assert (found.host, found.port, found.login) == ("127.0.0.1", 7860, None)
    assert found.max_pixels == Limits.pixels


def test_options_go_before_the_environment() -> None:
    environment = {"COMBINER_PORT": "1234", "COMBINER_QUEUE_LENGTH": "3", "COMBINER_USER": ""}
    found = settings.read(["--port", "4321", "--presets", "models"], environment)
    assert (found.port, found.queue_length) == (4321, 3)
    assert found.presets == Path("models")


def test_visitors_give_name_and_password() -> None:
    environment = {"COMBINER_USER": "ada", "COMBINER_PASSWORD": "engine"}
    assert settings.read([], environment).login == ("ada", "engine")


def test_a_space_is_served_to_everybody() -> None:
    space = {"SPACE_ID": "somebody/combiner"}
    assert settings.read([], space).host == "0.0.0.0"
    assert settings.read([], {**space, "COMBINER_HOST": "::1"}).host == "::1"


def test_hosts_are_gathered() -> None:
    arguments = ["--allowed-host", "a.example.org,[::1]", "--allowed-host", "*.b.example.org"]
    environment = {"COMBINER_ALLOWED_HOST": "c.example.org, 10.0.0.1"}
    found = settings.read(arguments, environment)
    assert found.allowed_host == ("a.example.org", "[::1]", "*.b.example.org")
    assert settings.read([], environment).allowed_host == ("c.example.org", "10.0.0.1")
    assert not found.on_space
    space = settings.read([], {"SPACE_HOST": "somebody-combiner.hf.space"})
    assert space.allowed_host == ("somebody-combiner.hf.space",)
    assert space.on_space


def test_workers_share_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    for workers in (1, 2, 3):
        chosen = settings.read(["--workers", str(workers), "--max-memory-mb", "700"], {})
        capacity = capacity_of(chosen)
        assert capacity.workers == workers
        assert capacity.threads == max(1, machine.cores() // workers)
        assert capacity.max_memory_bytes == 700 << 20
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    by_machine = capacity_of(settings.Settings())
    assert by_machine.threads == 5
    assert 2 <= by_machine.workers <= 8
    assert by_machine.max_memory_bytes > 0


@pytest.mark.parametrize(
    ("arguments", "environment", "name"),
    [
        (["--port", "0"], {}, "--port"),
        (["--port", "many"], {}, "--port"),
        (["--max-megapixels", "-1"], {}, "--max-megapixels"),
        (["--max-megapixels", "25.1"], {}, "--max-megapixels"),
        (["--files-life-s", "nan"], {}, "--files-life-s"),
        (["--queue-length", "-1"], {}, "--queue-length"),
        (["--queue-length-each", "few"], {}, "--queue-length-each"),
        (["--workers", "0"], {}, "--workers"),
        ([], {"COMBINER_WORKERS": "many"}, "--workers"),
        (["--max-run-s", "0"], {}, "--max-run-s"),
        (["--max-memory-mb", "-5"], {}, "--max-memory-mb"),
        (["--device", "abacus"], {}, "--device"),
        ([], {"COMBINER_DEVICE": "abacus"}, "COMBINER_DEVICE"),
        ([], {"COMBINER_MAX_UPLOAD_MB": "big"}, "--max-upload-mb"),
        (["--user", "ada"], {}, "password"),
        (["--allowed-host", "https://a.example.org"], {}, "--allowed-host"),
        (["--allowed-host", "a.example.org:80"], {}, "--allowed-host"),
        ([], {"COMBINER_ALLOWED_HOST": ","}, "--allowed-host"),
        (["--max-disk-mb", "0"], {}, "--max-disk-mb"),
        (["--max-sessions", "0"], {}, "--max-sessions"),
        (["--executor", "moon"], {}, "--executor"),
        (["--ray-address", "auto"], {}, "need the executor ray"),
        (["--executor", "ray", "--gpus-per-worker", "1.5"], {}, "--gpus-per-worker"),
        (["--executor", "ray", "--device", "cuda"], {}, "needs a number of GPUs"),
    ],
)
def test_impossible_settings_are_refused(
    arguments: list[str],
    environment: dict[str, str],
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as refusal:
        settings.read(arguments, environment)
    assert refusal.value.code == 2
    assert name in capsys.readouterr().err
