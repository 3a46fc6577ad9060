"""Answers that Gradio's client would miss are asked for again."""

from __future__ import annotations

import pytest
from browser_tools import DESKTOP, visit
from playwright.sync_api import Browser, expect

pytestmark = pytest.mark.browser

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
