// The address of a result: `element` and `watch` are given by gr.HTML.
const COPIED_MS = 2000;
const link = () => element.querySelector("a[href^='?']");

// The result that is shown is what the page's own address names.
function name() {
  const own = link() && new URL(link().href);
  if (own) combiner.name(...own.searchParams.entries().next().value);
}

// Without a secure connection browsers give no clipboard.
function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = Object.assign(document.createElement("textarea"), { value: text });
  element.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
  return Promise.resolve();
}

element.addEventListener("click", async ({ target }) => {
  if (target.matches("[data-back]")) {
    const [kind] = element.closest("[id$=-link]").id.split("-");
    document.getElementById(`${kind}-source`).scrollIntoView({ behavior: "smooth" });
  }
  if (!target.matches("[data-copy]")) return;
  await copy(link().href);
  target.textContent = "Copied";
  setTimeout(() => { target.textContent = "Copy"; }, COPIED_MS);
});
watch("value", name);
name();
