// The picture comparison: `element`, `props` and `watch` are given by gr.HTML.
const root = element.querySelector(".compare");
const sides = ["left", "right"];
const SCREEN_PX = 1800;
const TURN_MS = 600;
const HAS_FINGERS = matchMedia("(hover: none)").matches;
const ZOOM = HAS_FINGERS ? "Pinch to zoom" : "Pinch, or turn the wheel after a click, to zoom";
const HINTS = {
  divider: `Drag the divider. ${ZOOM}; drag to move.`,
  beside: `Both sides show the same part. ${ZOOM}.`,
  flicker: HAS_FINGERS
    ? "Left and right take turns."
    : "Left and right take turns. In the picture, Space holds and swaps them.",
  difference: "Eight times the difference of the two sides: where it is black, they are the same.",
  alone: `${ZOOM}; drag to move.`,
};
const LABEL = root.querySelector(".compare-stage").ariaLabel;
const layers = Object.fromEntries(
  sides.map((side) => [side, root.querySelector(`[data-layer=${side}]`)]),
);
const selects = Object.fromEntries(
  sides.map((side) => [side, root.querySelector(`select[data-side=${side}]`)]),
);
let offered = { left: null, right: null, first: null };

const blind = blindTest(root, () => { choices(); hold(); place(); });
const detail = detailSlider(root, () => place());
const stage = pictureStage(root, () => root.querySelectorAll(".compare-layer img"), () => place());

function show() {
  const value = props.value;
  root.dataset.state = value ? "ready" : "empty";
  if (!value) {
    offered = { left: null, right: null, first: null };
    look("divider");
    for (const picture of root.querySelectorAll(".compare-layer img")) picture.removeAttribute("src");
    return;
  }
  const first = value.variants[0].file.url;
  const isNew = offered.first !== first;
  const blend = value.variants.find((variant) => variant.blend)?.blend;
  if (blend && (isNew || !offered.blend)) detail.suggest(blend.detail);
  blind.offer(value.variants.filter((each) => !each.isMap).map((each) => each.name), value.right);
  choices();
  offered = { left: value.left, right: value.right, first, blend };
  const isAlone = value.variants.length === 1;
  root.toggleAttribute("data-alone", isAlone);
  if (isAlone !== (stage.element.dataset.view === "alone")) look(isAlone ? "alone" : "divider");
  if (isNew) {
    if (value.size) stage.lay(...value.size);
    else begin(first);
  }
  place();
}

// What can stand on the sides: in a blind test A or B beside X.
function choices() {
  const names = props.value.variants.map((variant) => variant.name);
  const offers = blind.isOn ? { left: ["A", "B"], right: ["X"] } : { left: names, right: names };
  for (const side of sides) {
    const select = selects[side];
    const keep = blind.isOn || offered[side] === props.value[side];
    const chosen = keep && offers[side].includes(select.value) ? select.value : null;
    select.replaceChildren(...offers[side].map((name) => new Option(name, name)));
    select.value = chosen ?? (blind.isOn ? offers[side][0] : props.value[side]);
  }
  root.querySelector("[data-view=difference]:is(button)").disabled = blind.isOn;
  if (blind.isOn && stage.element.dataset.view === "difference") look("divider");
}

// Both pictures of a blind test are at hand, or how long X takes would tell what it is.
let held = [];
function hold() {
  const names = blind.isOn ? ["A", "B"].map(blind.nameOf) : [];
  held = names.map((name) => Object.assign(new Image(), { src: addressOf(named(name)) }));
}

// What a map is of: it lies over that.
const base = () => named(props.value.right);
const named = (name) => props.value.variants.find((variant) => variant.name === name);

// A new picture: its size is the grid on which all variants are shown.
function begin(address) {
  const grid = new Image();
  grid.onload = () => stage.lay(grid.naturalWidth, grid.naturalHeight);
  grid.src = address;
}

function place() {
  if (!offered.first) return;
  let canBlend = false;
  for (const side of sides) {
    const name = blind.isOn ? blind.nameOf(selects[side].value) : selects[side].value;
    const chosen = named(name);
    const blend = blind.isOn ? null : chosen.blend;
    canBlend ||= Boolean(blend);
    const both = chosen.isMap ? [base(), chosen].map(addressOf) : detail.blended(blend, addressOf);
    layers[side].toggleAttribute("data-map", Boolean(chosen.isMap));
    const text = blind.isOn ? selects[side].value : textOf(chosen, both && !chosen.isMap);
    paint(layers[side], both ?? [addressOf(chosen)], text, chosen.isMap ? 1 : detail.strength);
    root.querySelector(`[data-chip=${side}]`).textContent = breakable(text);
    root.querySelector(`[data-said=${side}]`).textContent = text;
  }
  detail.show(canBlend);
}

function textOf(variant, isBlended) {
  const [size, share] = [variant.blend?.text, detail.strength.toFixed(2)];
  const about = isBlended ? [size, `detail ${share}`] : [variant.detail];
  return [variant.name, ...about].filter(Boolean).join(" · ");
}

// Lines break between figures, not between a figure and its unit.
const breakable = (text) =>
  text.split(" · ").map((part) => part.replaceAll(" ", "\u00a0")).join("\u00a0· ");

// One picture, or one through which another is seen.
function paint(layer, [address, over], text, strength) {
  const picture = layer.querySelector("img");
  if (picture.getAttribute("src") !== address) picture.src = address;
  picture.alt = text;
  const veil = layer.querySelector("[data-veil]");
  if (!over) {
    veil?.remove();
    return;
  }
  const shown = veil ?? picture.cloneNode();
  shown.dataset.veil = "";
  shown.alt = "";
  if (shown.getAttribute("src") !== over) shown.src = over;
  shown.style.opacity = strength;
  if (!veil) layer.append(shown);
}

// The large file is loaded when its pixels are to be seen, or told apart: only some have others.
function addressOf({ file, screen }) {
  const isExact = blind.isOn || stage.element.dataset.view === "difference";
  const isWhole = isExact || stage.seen() > SCREEN_PX;
  return (screen && !isWhole ? screen : file).url;
}

// Divider, side by side, in turn, or the difference; of one picture, that alone.
let turning = null;
function look(view) {
  stage.element.dataset.view = view;
  for (const button of root.querySelectorAll("button[data-view]")) {
    button.setAttribute("aria-pressed", button.dataset.view === view);
  }
  root.querySelector(".compare-hint").textContent = HINTS[view];
  stage.element.ariaLabel = view === "alone" ? LABEL.replace("two sides", "picture") : LABEL;
  stage.divide(view === "beside" ? 2 : 1);
  clearInterval(turning);
  if (view !== "flicker") return;
  stage.element.dataset.turn = "left";
  turning = setInterval(() => { if (root.isConnected) swap(); else clearInterval(turning); }, TURN_MS);
}

function swap() {
  stage.element.dataset.turn = stage.element.dataset.turn === "left" ? "right" : "left";
}

root.querySelector("[data-part=views]").addEventListener("click", (event) => {
  if (event.target.dataset.view) look(event.target.dataset.view);
});
stage.element.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const letter = event.key.toUpperCase();
  if (event.key === " " && stage.element.dataset.view === "flicker") {
    clearInterval(turning);
    swap();
  } else if (blind.isOn && (letter === "A" || letter === "B")) {
    selects.left.value = letter;
    place();
  } else return;
  event.preventDefault();
});
sides.forEach((side) => selects[side].addEventListener("change", place));
watch("value", show);
look("divider");
show();
