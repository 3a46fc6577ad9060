"""Who may ask what: hosts, origins, routes, headers, cookies, log-ins, sessions, room on disk."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from security_tools import Server, running_server

from demo.jobs import Capacity, JobQueue, Lanes
from demo.security import Disk, exposure
from demo.security.hosts import Hosts
from demo.security.logins import LoginPace
from demo.settings import InputLimits, Settings

USER, PASSWORD = "ada", "engine"
NAMES = ("page.example.org", "*.pages.example.org")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that has more names, little room and few sessions."""
    names = [part for name in NAMES for part in ("--allowed-host", name)]
    limits = ["--max-disk-mb", "24", "--max-sessions", "4"]
    with running_server(tmp_path_factory.mktemp("small"), *names, *limits) as server:
        yield server


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that asks for a password."""
    login = ["--user", USER, "--password", PASSWORD]
    with running_server(tmp_path_factory.mktemp("locked"), *login) as server:
        yield server


@pytest.fixture(scope="module")
def everywhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One that listens on all addresses, as a Space does."""
    space = {"SPACE_HOST": "somebody-combiner.hf.space"}
    folder = tmp_path_factory.mktemp("everywhere")
    with running_server(folder, "--host", "0.0.0.0", environment=space) as server:
        yield server


def test_other_hosts_are_refused(server: Server) -> None:
    for host in ("page.example.org", "a.pages.example.org:80", "LOCALHOST", f"[::1]:{server.port}"):
        assert server.client.get("/config", headers={"host": host}).status_code == 200, host
    others = [
        "evil.example",
        "pages.example.org",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
    ]
    others += ["", "localhost:port", "localhost/evil", "page.example.org.", "10.1.2.3"]
    for host in others:
        refusal = server.client.get("/config", headers={"host": host})
        assert refusal.status_code == 400, host
        assert "evil" not in refusal.text
    # Gradio would make the addresses of files from these.
    for host in ("evil.example", "localhost, evil.example"):
        forwarded = {"x-forwarded-host": host}
        assert server.client.get("/config", headers=forwarded).status_code == 400


def test_a_server_for_all_addresses_has_no_other_names(everywhere: Server) -> None:
    for host in ("127.0.0.1", "localhost", "somebody-combiner.hf.space"):
        assert everywhere.client.get("/config", headers={"host": host}).status_code == 200
    for host in ("evil.example", "0.0.0.0", "192.0.2.7"):
        assert everywhere.client.get("/config", headers={"host": host}).status_code == 400
    errors = (everywhere.temp / "errors.txt").read_text().splitlines()
    (warning,) = [
        line for line in errors if line.startswith("Warning: the page listens on 0.0.0.0")
    ]
    assert "no password" in warning


def test_pages_of_other_sites_send_nothing(server: Server) -> None:
    body = {"data": ["x", None, None, None], "fn_index": 0, "session_hash": "x"}
    own = [server.url, "http://page.example.org", "https://page.example.org:8443"]
    foreign = ["https://evil.example", "null", f"http://127.0.0.1:{server.port + 1}", "file://", ""]
    foreign += ["http://localhost", f"ftp://127.0.0.1:{server.port}", "http://[", "x"]
    for path in ("/gradio_api/run/predict", "/gradio_api/queue/join", "/gradio_api/upload"):
        for origin in own:
            answer = server.client.post(path, json=body, headers={"origin": origin})
            assert answer.status_code != 403, (path, origin)
        for origin in foreign:
            answer = server.client.post(path, json=body, headers={"origin": origin})
            assert answer.status_code == 403, (path, origin)
    preflight = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    assert server.client.options("/gradio_api/queue/join", headers=preflight).status_code == 403


def test_pages_of_other_sites_read_nothing(server: Server) -> None:
    headers = {"origin": "https://evil.example", "host": "page.example.org"}
    answer = server.client.get("/config", headers=headers)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_routes_that_the_page_does_not_need_are_closed(server: Server) -> None:
    closed = [
        ("GET", "/gradio_api/file=https://example.org/x.png"),
        ("GET", "/gradio_api/proxy=https://x.hf.space/y"),
        ("GET", "/gradio_api/deep_link?session_hash=x"),
        ("GET", "/gradio_api/token"),
        ("GET", "/gradio_api/vibe-code"),
        ("GET", "/gradio_api/run-history/buckets"),
        ("GET", "/gradio_api/custom_component/x/client/y/z.js"),
        ("GET", "/monitoring/summary"),
        ("GET", "/docs"),
        ("POST", "/gradio_api/vibe-edit"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/stream/x"),
        ("PUT", "/gradio_api/upload"),
        ("DELETE", "/config"),
    ]
    for method, path in closed:
        answer = server.client.request(method, path)
        assert (answer.status_code, answer.text) == (404, "There is nothing here."), path


def test_every_answer_has_the_headers(server: Server, everywhere: Server) -> None:
    for where in (server, everywhere):
        paths = ("/", "/config", "/nothing", "/gradio_api/info", "/theme.css")
        answers = [where.client.get(path) for path in paths]
        answers += [where.client.get("/", headers={"host": "evil"}), where.upload("x.txt", b"x")]
        for answer in answers:
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            policy = answer.headers["content-security-policy"].split("; ")
            frames = "frame-ancestors 'self'"
            if where is everywhere:
                frames += " https://huggingface.co https://*.huggingface.co"
            assert policy[-1] == frames


def log_in(server: Server, password: str, **headers: str) -> httpx.Response:
    form = {"username": USER, "password": password}
    return httpx.post(f"{server.url}/login", data=form, headers=headers)


def test_cookies_are_safe(locked: Server) -> None:
    for proxy, secure in ({}, False), ({"x-forwarded-proto": "https"}, True):
        answer = log_in(locked, PASSWORD, **proxy)
        assert answer.status_code == 200
        cookies = answer.headers.get_list("set-cookie")
        assert len(cookies) == 2
        for cookie in cookies:
            flags = {part.strip().lower() for part in cookie.split(";")[1:]}
            assert {"httponly", "samesite=lax"} <= flags
            assert "samesite=none" not in flags
            assert not secure or "secure" in flags
    names = dict(cookie.split(";")[0].split("=", 1) for cookie in cookies)
    assert httpx.get(f"{locked.url}/config", cookies=names).status_code == 200


def test_a_browser_has_one_name(server: Server) -> None:
    (cookie,) = httpx.get(server.url).headers.get_list("set-cookie")
    name, *flags = (part.strip() for part in cookie.split(";"))
    assert {"httponly", "samesite=lax"} <= {flag.lower() for flag in flags}
    assert len(name) > 32
    assert httpx.get(server.url).headers["set-cookie"].split(";")[0] != name
    again = httpx.get(server.url, headers={"cookie": name})
    assert "set-cookie" not in again.headers
    assert "set-cookie" not in httpx.get(f"{server.url}/config").headers


def test_nothing_is_told_without_the_password(locked: Server) -> None:
    for path in ("/config", "/gradio_api/info", "/gradio_api/file=/etc/passwd"):
        assert locked.client.get(path).status_code == 401
    for path in ("upload", "queue/join", "call/compress", "run/predict"):
        assert locked.client.post(f"/gradio_api/{path}", json={"data": []}).status_code == 401


def test_guessing_is_slow(locked: Server) -> None:
    began = time.monotonic()
    statuses = []
    for _ in range(100):
        statuses.append(log_in(locked, "guess").status_code)
        if time.monotonic() - began > 2:
            break
    assert statuses[:3] == [400, 400, 400]
    assert statuses.count(400) <= 5
    assert 429 in statuses
    refusal = log_in(locked, PASSWORD)
    while refusal.status_code == 429:
        assert 1 <= int(refusal.headers["retry-after"]) <= 60
        time.sleep(int(refusal.headers["retry-after"]))
        refusal = log_in(locked, PASSWORD)
    assert refusal.status_code == 200


def test_waits_double_and_memory_is_bounded() -> None:
    now = [0.0]
    pace = LoginPace(lambda: now[0])
    waits = []
    for _ in range(12):
        assert pace.attempt("a") == 0
        waits.append(pace.attempt("a"))
        now[0] += waits[-1]
        if waits[-1] == 0:
            waits.pop()
            assert len(pace) == 1
        if len(waits) == 8:
            break
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    pace.succeeded("a")
    assert len(pace) == 0
    for index in range(5000):
        pace.attempt(str(index))
    assert len(pace) == 4096


def resident_mb(server: Server) -> float:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
def test_sessions_do_not_fill_the_memory(server: Server) -> None:
    look = next(event for event in server.config()["dependencies"] if event["api_name"] == "_look")
    asked = ["x", *[None] * (len(look["inputs"]) - 1)]

    def visit(times: int) -> None:
        for _ in range(times):
            body = {"data": asked, "fn_index": look["id"]}
            body["session_hash"] = uuid.uuid4().hex
            server.client.post("/gradio_api/run/predict", json=body).raise_for_status()

    visit(40)
    before = resident_mb(server)
    visit(160)
    assert resident_mb(server) - before < 20


def test_uploads_do_not_fill_the_disk(server: Server) -> None:
    statuses = []
    for index in range(14):
        answer = server.upload(f"{index}.bin", os.urandom(2 << 20))
        statuses.append(answer.status_code)
    assert statuses[0] == 200
    assert statuses[-1] == 507
    assert answer.text == "There is no room for more files at present: try again in a minute."
    held = sum(path.stat().st_size for path in server.cache.rglob("*") if path.is_file())
    assert held <= 24 << 20
    # Nothing is written for one that does not say how large it is, either.
    head = b'--x\r\nContent-Disposition: form-data; name="files"; filename="f"\r\n\r\n'
    parts = [head, *[bytes(1 << 20)] * 20]
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = server.client.post("/gradio_api/upload", content=iter(parts), headers=headers)
    assert answer.status_code == 507
    assert server.client.get("/config").status_code == 200


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[JobQueue]:
    lanes = Lanes(Capacity("cpu"))
    with JobQueue(tmp_path / "jobs", lanes, InputLimits(1_000_000, 60)) as queue:
        yield queue


def test_the_oldest_files_go_first(tmp_path: Path, jobs: JobQueue) -> None:
    disk = Disk(tmp_path, 1 << 20, 3600, jobs, spared_s=0)
    names = ["page", "old", "new"]
    for name in names:
        (tmp_path / "cache" / name).mkdir(parents=True)
        (tmp_path / "cache" / name / "file").write_bytes(bytes(300_000))
        if name == "page":
            disk.keep_present()
        time.sleep(0.02)
    assert disk.make_room(100_000)
    assert [path.name for path in sorted((tmp_path / "cache").iterdir())] == ["new", "old", "page"]
    assert disk.make_room(200_000)
    assert [path.name for path in sorted((tmp_path / "cache").iterdir())] == ["new", "page"]
    assert not disk.make_room(1 << 20)
    assert [path.name for path in sorted((tmp_path / "cache").iterdir())] == ["page"]


def test_an_upload_does_not_become_new_when_a_job_lets_go_of_it(
    tmp_path: Path, jobs: JobQueue
) -> None:
    disk = Disk(tmp_path, 1 << 20, 3600, jobs, spared_s=0)
    for name in ("old", "new"):
        (tmp_path / name).write_bytes(bytes(300_000))
        time.sleep(0.02)
    disk.sweep()
    os.link(tmp_path / "old", tmp_path / "of a job")
    (tmp_path / "of a job").unlink()
    assert disk.make_room(500_000)
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["new"]


def test_what_is_old_is_swept(tmp_path: Path, jobs: JobQueue) -> None:
    (tmp_path / "tmpdecoded").mkdir()
    (tmp_path / "tmpdecoded" / "decoded.png").write_bytes(b"x")
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "tmppartial").write_bytes(b"x")
    Disk(tmp_path, 1 << 30, 3600, jobs, spared_s=0).sweep()
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 2
    time.sleep(0.05)
    Disk(tmp_path, 1 << 30, 0.01, jobs, spared_s=0).sweep()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]


@pytest.mark.parametrize(
    ("settings", "warns"),
    [
        (Settings(), False),
        (Settings(host="localhost"), False),
        (Settings(host="[::1]"), False),
        (Settings(host="0.0.0.0"), True),
        (Settings(host="::"), True),
        (Settings(host="192.0.2.7"), True),
        (Settings(host="0.0.0.0", user=USER, password=PASSWORD), False),
    ],
)
def test_a_page_open_to_others_says_so(settings: Settings, warns: bool) -> None:
    assert (exposure(settings) is not None) == warns


def test_any_host_must_be_asked_for() -> None:
    assert not Hosts.of(Settings(host="0.0.0.0")).allow("evil.example", None)
    every = Hosts.of(Settings(host="0.0.0.0", allowed_host=("*",)))
    assert every.allow("evil.example", None)
    assert not every.allow_origin("https://evil.example", ["127.0.0.1:7860"])
    assert Hosts.of(Settings(host="0.0.0.0")).allow("192.0.2.7:7860", "192.0.2.7")
