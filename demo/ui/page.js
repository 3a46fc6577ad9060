// What is on its way: uploads and examples to the server, the last run to the page. Compress waits for
// them, and takes what was painted.
(() => {
  if (window.combiner) return;  // Gradio may run what is in the head twice
  const LOOK_MS = 50;
  // Each tab is told of its last run, which would take the place of one that began before that.
  const waiting = { image: 1, audio: 1, uploads: 0 };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  const send = window.fetch;
  window.fetch = async (...request) => {
    const address = String(request[0]?.url ?? request[0]);
    const isUpload = /\/upload\?/.test(address);
    if (isUpload) waiting.uploads += 1;
    try {
      return await send(...request);
    } finally {
      if (isUpload) waiting.uploads -= 1;
    }
  };

  // Where the bits of a picture should go: a sign for each cell, row by row.
  const painting = {
    address: "", columns: 0, rows: 0, cells: [],
    begin(address, columns, rows) {
      Object.assign(this, { address, columns, rows, cells: Array(columns * rows).fill(".") });
    },
    get isEmpty() {
      return this.cells.every((sign) => sign === ".");
    },
    get text() {
      if (this.isEmpty) return "";
      const row = (_, index) => this.cells.slice(index * this.columns, (index + 1) * this.columns);
      return Array.from({ length: this.rows }, row).map((cells) => cells.join("")).join("\n");
    },
  };

  // A button that cannot be pressed loses the focus: Compress has it again when it can be.
  let bar = null;
  const barOf = (target) => (target instanceof Element ? target.closest(".job-buttons") : null);
  document.addEventListener("focusin", ({ target }) => { bar = barOf(target); });
  document.addEventListener("pointerdown", ({ target }) => { bar = barOf(target); });
  new MutationObserver(() => {
    const compress = bar?.querySelector("button[id$=-compress]:enabled");
    const focused = document.activeElement;
    if (focused === document.body || focused?.disabled) compress?.focus({ preventScroll: true });
  }).observe(document, { attributeFilter: ["disabled"], subtree: true });

  // What the status says until a file is there; then again what the page had written.
  const receiving = (kind) => {
    const holder = document.querySelector(`#${kind}-status .status`)?.parentElement;
    let before = null;
    return {
      begin() {
        if (!holder || before !== null) return;
        before = holder.innerHTML;
        holder.innerHTML = '<section class="status" data-state="waiting" aria-label="Status">' +
          "<p><strong>Receiving your file</strong> <span></span></p></section>";
      },
      end() {
        if (before !== null) holder.innerHTML = before;
      },
    };
  };

  window.combiner = {
    painting,
    largestBytes: Infinity,
    // While the server looks into several files: a promise that is kept when it has.
    looking: { image: null, audio: null },
    // The size that the server found, unless something else was chosen or typed meanwhile.
    size(answer, purpose, own, bytes, doublings) {
      const found = answer ? JSON.parse(answer) : null;
      const isWished = found?.purpose === purpose && (found.own ?? null) === (own ?? null);
      if (!isWished) return [bytes, doublings];
      return [found.bytes, Math.log2(Math.max(1, found.bytes ?? 2 ** doublings))];
    },
    begin(kind, values) {
      waiting[kind] += 1;
      return values;
    },
    end(kind) {
      waiting[kind] -= 1;
    },
    // The same for several files; the next may come.
    looked(kind) {
      this.end(kind);
      document.dispatchEvent(new CustomEvent(`combiner-looked-${kind}`));
    },
    async ready(kind) {
      const button = document.getElementById(`${kind}-compress`);
      button.disabled = true;  // Once is enough.
      const tell = receiving(kind);
      while (waiting[kind] > 0 || waiting.uploads > 0) {
        tell.begin();
        await pause(LOOK_MS);
      }
      tell.end();
      await pause(LOOK_MS);  // The page takes note of it.
      button.disabled = false;
      // On a phone what comes of it stands above the controls.
      const shown = button.closest(".job").querySelector(".job-shown");
      if (matchMedia("(max-width: 760px)").matches) shown.scrollIntoView();
      return kind === "image" ? painting.text : "";
    },
  };
})();
