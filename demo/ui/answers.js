// Gradio closes its stream of answers when the server says that none is awaited. What was asked just
// before that is heard would never be answered. Then something else is asked, to no effect: with it
// the stream is opened again, and the server sends what it has kept.
(() => {
  if (window.combinerAnswers) return;  // Gradio may run what is in the head twice
  window.combinerAnswers = true;
  const LOOK_MS = 1000;
  const MOST_TRIES = 3;
  const awaited = new Map();  // How often each was asked for again.
  const answered = new Set();
  let streams = 0;

  const send = window.fetch;
  window.fetch = async (...request) => {
    const address = String(request[0]?.url ?? request[0]);
    const response = await send(...request);
    if (/\/queue\/data\?/.test(address) && response.body) {
      const [ours, theirs] = response.body.tee();
      listen(ours);
      return new Response(theirs, response);
    }
    if (/\/queue\/join\b/.test(address) && response.ok) {
      response.clone().json().then(({ event_id: id }) => {
        if (!answered.delete(id)) awaited.set(id, 0);
      });
    }
    return response;
  };

  async function listen(stream) {
    streams += 1;
    const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    try {
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (text + part.value).split("\n");
        text = lines.pop();
        lines.filter((line) => line.startsWith("data:")).forEach(hear);
      }
    } catch { /* It was closed from here. */ }
    streams -= 1;
    setTimeout(look, LOOK_MS);
  }

  function hear(line) {
    const { msg: message, event_id: id } = JSON.parse(line.slice("data:".length));
    // An answer may be here before the number of what it answers.
    if (message === "process_completed" && !awaited.delete(id)) answered.add(id);
  }

  function look() {
    if (streams || !awaited.size) return;
    for (const [id, tries] of awaited) {
      if (tries < MOST_TRIES) awaited.set(id, tries + 1);
      else awaited.delete(id);
    }
    if (awaited.size) document.getElementById("ask-again")?.click();
  }
})();
