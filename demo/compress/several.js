// Several files at once: sent one by one, so that one which is refused does not keep out the others.
const { kind, largest, largest_bytes: largestBytes } = props;
let focused = "";
// The server looks into one set of files after the other; only the last one is of interest.
let sets = 0;

combiner.largestBytes = largestBytes;  // One alone that is larger comes here, too, to be refused.

async function send(file) {
  if (file.size > largestBytes) return { name: file.name, error: `${file.name} is larger than ${largest}` };
  try {
    return { name: file.name, path: (await upload(file)).path };
  } catch (error) {
    return { name: file.name, error: String(error?.message ?? error) };
  }
}

document.addEventListener("combiner-several", async ({ detail }) => {
  if (detail.kind !== kind) return;
  combiner.begin(kind);
  const set = sets += 1;
  const files = [];
  for (const file of detail.files) if (set === sets) files.push(await send(file));
  await combiner.looking[kind];
  if (set !== sets) return combiner.end(kind);
  combiner.looking[kind] = new Promise((done) =>
    document.addEventListener(`combiner-looked-${kind}`, () => {
      combiner.looking[kind] = null;
      done();
    }, { once: true }));
  trigger("files", { files });
});

// Another file was chosen, alone: those that are still on their way are not taken.
document.addEventListener("combiner-alone", ({ detail }) => {
  if (detail.kind === kind) sets += 1;
});

element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-job]");
  if (button) trigger("show", { job: button.dataset.job });
});

// The list is made anew as it changes: who is in it stays there.
element.addEventListener("focusin", ({ target }) => { focused = target.dataset.job ?? ""; });
element.addEventListener("focusout", ({ relatedTarget }) => { if (relatedTarget) focused = ""; });
watch("value", () => {
  if (focused && document.activeElement === document.body) {
    element.querySelector(`button[data-job="${CSS.escape(focused)}"]`)?.focus();
  }
});
