// The player of a clip: `element`, `props` and `watch` are given by gr.HTML.
const root = element.querySelector(".compare");
const switches = root.querySelector(".compare-switch");
const [play, loop] = ["play", "loop"].map((name) => root.querySelector(`[data-action=${name}]`));
const [slider, time] = ["place", "time"].map((name) => root.querySelector(`[data-part=${name}]`));
const hint = root.querySelector(".compare-hint");
const HAS_KEYS = !matchMedia("(hover: none)").matches;
const HINT = HAS_KEYS
  ? "Space plays, digits switch: the next clip goes on at the same place."
  : "Choose a name to switch: the next clip goes on at the same place.";
const ALONE_HINT = HAS_KEYS ? "Space plays." : "";
const BLIND_HINT = `${HAS_KEYS ? "Space plays; " : ""}A, B and X switch, at the same place.`;
let offered = { first: null, right: null };
let heard = null, frame = 0;

const player = clipPlayer(show);
const blind = blindTest(root, () => { offer(); listen(blind.isOn ? "X" : blind.nameOf("B")); });

function fill() {
  const value = props.value;
  root.dataset.state = value ? "ready" : "empty";
  const variants = value?.variants ?? [];
  const first = variants[0]?.file.url ?? null;
  const isNew = offered.first !== first;
  if (isNew) player.clear();
  blind.offer(variants.map((variant) => variant.name), value?.right);
  const isKept = !isNew && offered.right === value?.right;
  offered = { first, right: value?.right ?? null };
  offer();
  if (value && !(isKept && buttonOf(heard))) listen(blind.isOn ? "X" : value.right);
}

// What can be heard. A button that is there already is kept: it may have the focus.
function offer() {
  const variants = props.value?.variants ?? [];
  const wanted = blind.isOn ? NAMELESS.map((name) => ({ name, detail: "" })) : variants;
  const buttons = wanted.map(choice);
  for (const old of [...switches.children]) if (!buttons.includes(old)) old.remove();
  buttons.forEach((button, index) => {
    const there = switches.children[index] ?? null;
    if (there !== button) switches.insertBefore(button, there);
  });
  hint.textContent = blind.isOn ? BLIND_HINT : variants.length === 1 ? ALONE_HINT : HINT;
}

const buttonOf = (name) => [...switches.children].find((each) => each.dataset.name === name);

function choice({ name, detail, file }, index) {
  const button = buttonOf(name) ?? newButton(name);
  const key = document.createElement("kbd");
  key.textContent = index + 1;
  key.ariaHidden = "true";
  const about = document.createElement("span");
  about.textContent = detail;
  if (file) button.dataset.file = file.url;
  button.replaceChildren(...(blind.isOn ? [] : [key]), name, about);
  return button;
}

function newButton(name) {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("role", "radio");
  button.dataset.name = name;
  button.addEventListener("click", () => listen(name));
  mark(button, false);
  return button;
}

function mark(button, isChosen) {
  button.setAttribute("aria-checked", isChosen);
  button.tabIndex = isChosen ? 0 : -1;
}

function fileOf(name) {
  const wanted = blind.isOn ? blind.nameOf(name) : name;
  return props.value.variants.find((variant) => variant.name === wanted).file.url;
}

async function listen(name) {
  if (!props.value) return;
  heard = name;
  for (const button of switches.children) mark(button, button.dataset.name === name);
  try {
    await player.choose(fileOf(name));
  } catch {
    hint.textContent = `${name} cannot be played here.`;
  }
}

// All of them are fetched when one is to be heard, so that switching need not wait.
function start() {
  if (player.isPlaying) {
    player.pause();
    return;
  }
  player.play();
  for (const { file } of props.value.variants) player.load(file.url).catch(() => {});
}

const clock = (seconds) =>
  `${Math.floor(seconds / 60)}:${(seconds % 60).toFixed(1).padStart(4, "0")}`;

function show() {
  play.disabled = !player.duration;
  play.textContent = player.isPlaying ? "Pause" : "Play";
  slider.max = player.duration;
  slider.value = player.place;
  time.textContent = `${clock(player.place)} of ${clock(player.duration)}`;
  slider.setAttribute("aria-valuetext", time.textContent);
  cancelAnimationFrame(frame);
  if (player.isPlaying && root.isConnected) frame = requestAnimationFrame(show);
  else if (player.isPlaying) player.pause();
}

play.addEventListener("click", start);
slider.addEventListener("input", () => player.seek(Number(slider.value)));
loop.addEventListener("click", () => {
  const isOn = loop.getAttribute("aria-pressed") !== "true";
  loop.setAttribute("aria-pressed", isOn);
  player.repeat(isOn);
});

root.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("select")) return;
  const buttons = [...switches.children];
  const own = event.target.matches("button:not([role=radio])");
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  let next = null;
  if (event.key === " " && !own) start();
  else if (step && switches.contains(event.target)) {
    next = buttons[(buttons.indexOf(event.target) + step + buttons.length) % buttons.length];
    next.focus();
  } else {
    next = blind.isOn ? buttonOf(event.key.toUpperCase()) : buttons[Number(event.key) - 1];
    if (!next) return;
  }
  if (next) listen(next.dataset.name);
  event.preventDefault();
});
watch("value", fill);
fill();
