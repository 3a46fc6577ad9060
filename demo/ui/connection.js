// When the server does not answer, the status says so, in the place of Gradio's messages, until it
// answers again. A server that began anew knows nothing of the page, which is loaded anew then.
(() => {
  if (window.combinerConnection) return;  // Gradio may run what is in the head twice
  window.combinerConnection = true;
  const LOOK_MS = 1500;
  let looking = 0;

  const send = window.fetch;
  const isOurs = (request) => {
    const address = new URL(String(request?.url ?? request), location);
    return address.origin === location.origin;
  };
  window.fetch = async (...request) => {
    try {
      return await send(...request);
    } catch (error) {
      if (error.name !== "AbortError" && isOurs(request[0])) lost();
      throw error;
    }
  };

  const panel = () => {
    const told = document.createElement("section");
    told.className = "status-lost";
    told.setAttribute("role", "alert");
    told.innerHTML = "<p><strong>The server does not answer</strong> " +
      "<span>Trying again. If it has to begin anew, this page is loaded anew, without its results." +
      "</span></p>";
    return told;
  };

  function lost() {
    if (looking) return;
    looking = setInterval(look, LOOK_MS);
    document.body.dataset.lost = "";
    for (const status of document.querySelectorAll("[id$=-status]:has(.status)")) {
      status.append(panel());
    }
  }

  async function look() {
    const { root, api_prefix: prefix, app_id: known } = window.gradio_config;
    let answer;
    try {
      answer = await (await send(`${root}${prefix}/app_id`, { cache: "no-store" })).json();
    } catch {
      return;  // still nothing
    }
    if (answer.app_id !== known) location.reload();
    clearInterval(looking);
    looking = 0;
    delete document.body.dataset.lost;
    for (const told of document.querySelectorAll(".status-lost")) told.remove();
  }
})();
