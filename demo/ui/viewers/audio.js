// The players of a clip: `element`, `props` and `watch` are given by gr.HTML.
const root = element.querySelector(".compare");
const switches = root.querySelector(".compare-switch");
const list = root.querySelector(".compare-players");
let offered = { first: null, right: null };
let heard = null;

const playerOf = (name) =>
  [...list.children].find((row) => row.dataset.name === name)?.querySelector("audio");

function show() {
  const value = props.value;
  root.dataset.state = value ? "ready" : "empty";
  const variants = value?.variants ?? [];
  const first = variants[0]?.file.url ?? null;
  if (offered.first !== first) list.replaceChildren();
  const rows = variants.map(row);
  list.replaceChildren(...rows);
  switches.replaceChildren(...variants.map(choice));
  const keep = value && offered.first === first && offered.right === value.right && playerOf(heard);
  offered = { first, right: value?.right ?? null };
  mark(keep ? heard : offered.right);
}

// A row that is there already is kept: it may be playing.
function row(variant) {
  const old = [...list.children].find(
    (item) => item.dataset.name === variant.name && item.dataset.url === variant.file.url,
  );
  if (old) return old;
  const item = document.createElement("li");
  item.dataset.name = variant.name;
  item.dataset.url = variant.file.url;
  const title = document.createElement("div");
  title.textContent = variant.name;
  const detail = document.createElement("span");
  detail.textContent = variant.detail;
  title.append(detail);
  const player = document.createElement("audio");
  player.controls = true;
  player.preload = "auto";
  player.src = variant.file.url;
  player.setAttribute("aria-label", variant.name);
  player.addEventListener("play", () => listen(variant.name));
  item.append(title, player);
  return item;
}

function choice(variant) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.dataset.name = variant.name;
  button.textContent = variant.name;
  button.addEventListener("click", () => listen(variant.name));
  return button;
}

// Only one is heard; the next goes on where the last one is.
function listen(name) {
  if (name === heard) return;
  const last = playerOf(heard);
  const next = playerOf(name);
  const playing = (last && !last.paused) || !next.paused;
  if (last) {
    next.currentTime = last.currentTime;
    last.pause();
  }
  mark(name);
  if (playing) next.play();
}

function mark(name) {
  heard = name;
  for (const item of list.children) item.toggleAttribute("data-heard", item.dataset.name === name);
  for (const button of switches.children) {
    const chosen = button.dataset.name === name;
    button.setAttribute("aria-checked", chosen);
    button.tabIndex = chosen ? 0 : -1;
  }
}

switches.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  const buttons = [...switches.children];
  const now = buttons.findIndex((button) => button.dataset.name === heard);
  const next = buttons[(now + step + buttons.length) % buttons.length];
  listen(next.dataset.name);
  next.focus();
  event.preventDefault();
});
watch("value", show);
show();
