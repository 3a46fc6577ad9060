"""Answers that Gradio's client would miss are asked for again, and late ones do no harm."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser_tools import DESKTOP, JOB_MS, state, upload, visit
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser

# How long other codecs take for a small picture, a decoded part to come, an answer to be shown.
MEASURED_MS, ASKED_MS, SHOWN_MS = 4000, 3000, 1000

# That no answer is awaited is heard late, as on a busy machine: something was asked meanwhile.
LATE = """(() => {
  const END = 'data: {"msg":"close_stream"', LATE_MS = 2000;
  const send = window.fetch;
  window.ends = 0;
  window.fetch = async (...request) => {
    const response = await send(...request);
    if (!String(request[0]?.url ?? request[0]).includes("/queue/data")) return response;
    const late = new TransformStream({
      async transform(chunk, controller) {
        const text = new TextDecoder().decode(chunk), end = text.indexOf(END);
        const [now, later] = end < 0 ? [text, ""] : [text.slice(0, end), text.slice(end)];
        controller.enqueue(new TextEncoder().encode(now));
        if (!later) return;
        window.ends += 1;
        await new Promise((resolve) => setTimeout(resolve, LATE_MS));
        controller.enqueue(new TextEncoder().encode(later));
      },
    });
    return new Response(response.body.pipeThrough(late), response);
  };
})()"""


def test_what_is_asked_while_the_stream_of_answers_ends_is_answered(
    browser: Browser, app_url: str
) -> None:
    with visit(browser, app_url, DESKTOP, LATE) as page:
        page.wait_for_timeout(5000)  # Nothing of the beginning is awaited any more.
        ended = page.evaluate("window.ends")
        examples = page.locator("#image-examples button")
        examples.first.click()
        page.wait_for_function("ended => window.ends > ended", arg=ended)
        examples.nth(1).click()
        expect(page.locator("#image-note")).to_contain_text("677 kB")
        expect(page.locator("#image-note")).to_contain_text("567 kB", timeout=20_000)


def kept_back(event: str, when: str = "true") -> str:
    """A script by which the first answer to an event is kept back until `release` is called.

    Args:
        event: tells an event of the page by its targets and outputs and by `idOf` an element.
        when: it is kept.
    """
    return f"""(() => {{
  const send = window.fetch;
  const isKept = (address, body) => {{
    if (window.release || !address.includes("/run/predict") || !({when})) return false;
    const {{ components, dependencies }} = window.gradio_config;
    const idOf = (name) => components.find(({{ props }}) => props.elem_id === name).id;
    return JSON.parse(body).fn_index === dependencies.find({event}).id;
  }};
  window.fetch = async (...request) => {{
    const kept = isKept(String(request[0]), request[1]?.body)
      && new Promise((resolve) => {{ window.release = resolve; }});
    const response = await send(...request);
    await kept;
    return response;
  }};
}})()"""


# A look at a result that is shown already.
KEPT_BACK = kept_back(
    """({ targets }) => targets.some(([target, event]) =>
      target === idOf("image-news") && event === "change")""",
    when='document.querySelector("#image-percent input")',
)
# What the last run was.
RESUMED_LATE = kept_back('({ outputs }) => outputs.includes(idOf("image-restored"))')


def test_a_late_answer_does_not_show_the_past(
    browser: Browser, app_url: str, photo_file: Path
) -> None:
    """Part of a file is asked for while it is told late what other codecs made of the picture."""
    with visit(browser, app_url, DESKTOP, KEPT_BACK) as page:
        upload(page, "image", photo_file)
        expect(page.locator("#image-note")).to_contain_text("pixels")
        page.locator("#image-bytes input").fill("900")
        page.locator("#image-compress").click()
        page.wait_for_function("!!window.release", timeout=JOB_MS)
        page.wait_for_timeout(MEASURED_MS)
        page.locator("#image-percent input[type=range]").focus()
        page.keyboard.press("Home")
        page.wait_for_timeout(ASKED_MS)
        page.evaluate("window.release()")
        page.wait_for_timeout(SHOWN_MS)
        expect(page.locator("#image-compare")).to_contain_text("First 1 %")


def test_a_run_that_begins_before_the_last_one_is_known_stays(
    browser: Browser, app_url: str, photo_file: Path
) -> None:
    with visit(browser, app_url, DESKTOP, RESUMED_LATE) as page:
        page.wait_for_function("!!window.release")
        upload(page, "image", photo_file)
        page.locator("#image-compress").click()
        page.wait_for_timeout(MEASURED_MS)
        page.evaluate("window.release()")
        page.wait_for_timeout(SHOWN_MS)
        expect(state(page, "image", "done")).to_be_visible(timeout=20_000)
