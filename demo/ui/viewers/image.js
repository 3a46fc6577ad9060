// The picture comparison: `element`, `props` and `watch` are given by gr.HTML.
const root = element.querySelector(".compare");
const stage = root.querySelector(".compare-stage");
const handle = root.querySelector(".compare-handle");
const sides = ["left", "right"];
const images = Object.fromEntries(
  sides.map((side) => [side, root.querySelector(`[data-layer=${side}] img`)]),
);
const selects = Object.fromEntries(
  sides.map((side) => [side, root.querySelector(`select[data-side=${side}]`)]),
);
const MAX_ZOOM = 32;
const STEP = 40;
const SCREEN_PX = 1800;

// Sizes are in CSS pixels; a zoom of 1 shows a pixel of the picture on one pixel of the screen.
const view = { fitted: true, scale: 1, x: 0, y: 0, width: 0, height: 0 };
let offered = { left: null, right: null, first: null };

function show() {
  const value = props.value;
  root.dataset.state = value ? "ready" : "empty";
  if (!value) {
    offered = { left: null, right: null, first: null };
    sides.forEach((side) => images[side].removeAttribute("src"));
    return;
  }
  const names = value.variants.map((variant) => variant.name);
  const first = value.variants[0].file.url;
  for (const side of sides) {
    const select = selects[side];
    const keep = offered[side] === value[side] && names.includes(select.value);
    const chosen = keep ? select.value : value[side];
    select.replaceChildren(...names.map((name) => new Option(name, name)));
    select.value = chosen;
  }
  stage.toggleAttribute("data-alone", names.length === 1);
  if (offered.first !== first) {
    if (value.size) lay(...value.size);
    else begin(first);
  }
  offered = { left: value.left, right: value.right, first };
  place();
}

// A new picture: its size is the grid on which all variants are shown.
function begin(address) {
  const grid = new Image();
  grid.onload = () => lay(grid.naturalWidth, grid.naturalHeight);
  grid.src = address;
}

function lay(width, height) {
  view.width = width;
  view.height = height;
  stage.style.aspectRatio = `${width} / ${height}`;
  cut(50);
  fit();
}

function place() {
  for (const side of sides) {
    const chosen = props.value.variants.find((variant) => variant.name === selects[side].value);
    const text = [chosen.name, chosen.detail].filter(Boolean).join(" · ");
    const image = images[side];
    const address = fileOf(chosen).url;
    if (image.getAttribute("src") !== address) image.src = address;
    image.alt = text;
    root.querySelector(`[data-chip=${side}]`).textContent = text;
  }
}

// The large file is loaded when its pixels are to be seen.
function fileOf(variant) {
  const seen = view.scale * devicePixelRatio;
  const isWhole = stage.hasAttribute("data-difference") || seen * Math.max(view.width, view.height) > SCREEN_PX;
  return variant.screen && !isWhole ? variant.screen : variant.file;
}

function cut(percent) {
  const value = Math.min(100, Math.max(0, percent));
  stage.style.setProperty("--cut", `${value}%`);
  handle.setAttribute("aria-valuenow", Math.round(value));
  handle.setAttribute("aria-valuetext", `${Math.round(value)} % left side`);
}

function fit() {
  const scale = Math.min(stage.clientWidth / view.width, stage.clientHeight / view.height);
  view.fitted = true;
  view.scale = Number.isFinite(scale) && scale > 0 ? scale : 1;
  draw();
}

// Zoom so that the point of the stage at (x, y) stays where it is.
function zoom(scale, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
  const minScale = Math.min(
    stage.clientWidth / view.width, stage.clientHeight / view.height, 1 / devicePixelRatio,
  );
  const next = Math.min(MAX_ZOOM / devicePixelRatio, Math.max(minScale, scale));
  view.x = x - (x - view.x) * next / view.scale;
  view.y = y - (y - view.y) * next / view.scale;
  view.scale = next;
  view.fitted = false;
  draw();
}

function move(dx, dy) {
  view.x += dx;
  view.y += dy;
  draw();
}

// Centred where it is smaller than the stage, without a gap where it is larger; on whole pixels.
function settle(offset, size, room) {
  const free = room - size;
  const wanted = free >= 0 ? free / 2 : Math.min(0, Math.max(free, offset));
  return Math.round(wanted * devicePixelRatio) / devicePixelRatio;
}

function draw() {
  view.x = settle(view.x, view.width * view.scale, stage.clientWidth);
  view.y = settle(view.y, view.height * view.scale, stage.clientHeight);
  const pixels = view.scale * devicePixelRatio;
  stage.toggleAttribute("data-pixels", pixels > 0.999);
  stage.toggleAttribute("data-zoomed", !view.fitted);
  for (const image of Object.values(images)) {
    image.style.width = `${view.width}px`;
    image.style.height = `${view.height}px`;
    image.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
  }
  const current = view.fitted ? "fit" : String(Math.round(pixels * 100) / 100);
  stage.dataset.zoom = current;
  if (props.value) place();
  root.querySelectorAll("[data-zoom]:is(button)").forEach((button) => {
    button.setAttribute("aria-pressed", button.dataset.zoom === current);
  });
}

root.querySelector(".compare-zoom").addEventListener("click", (event) => {
  const wanted = event.target.dataset.zoom;
  if (wanted === "fit") fit();
  else if (wanted) zoom(Number(wanted) / devicePixelRatio);
});
sides.forEach((side) => selects[side].addEventListener("change", place));
root.querySelector("[data-action=difference]").addEventListener("click", (event) => {
  const shown = stage.toggleAttribute("data-difference");
  place();
  event.currentTarget.setAttribute("aria-pressed", shown);
});
root.querySelector("[data-action=fullscreen]").addEventListener("click", () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else stage.requestFullscreen?.();
});

handle.addEventListener("keydown", (event) => {
  const now = Number(handle.getAttribute("aria-valuenow"));
  const step = event.shiftKey ? 10 : 1;
  const to = {
    ArrowLeft: now - step, ArrowDown: now - step, ArrowRight: now + step, ArrowUp: now + step,
    PageDown: now - 10, PageUp: now + 10, Home: 0, End: 100,
  }[event.key];
  if (to === undefined) return;
  cut(to);
  event.preventDefault();
  event.stopPropagation();
});
stage.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const action = {
    "+": () => zoom(view.scale * 1.5), "=": () => zoom(view.scale * 1.5),
    "-": () => zoom(view.scale / 1.5), "0": fit, "1": () => zoom(1 / devicePixelRatio),
    ArrowLeft: () => move(STEP, 0), ArrowRight: () => move(-STEP, 0),
    ArrowUp: () => move(0, STEP), ArrowDown: () => move(0, -STEP),
  }[event.key];
  if (!action) return;
  action();
  event.preventDefault();
});

// The wheel scrolls the page until the stage has been clicked; a pinch on a touchpad has Ctrl.
stage.addEventListener("wheel", (event) => {
  if (!event.ctrlKey && !stage.contains(document.activeElement)) return;
  const box = stage.getBoundingClientRect();
  const factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002));
  zoom(view.scale * factor, event.clientX - box.left, event.clientY - box.top);
  event.preventDefault();
}, { passive: false });

// One pointer moves the divider (if it holds the handle, or all is in view) or the picture; two
// pinch.
const pointers = new Map();
let dividing = false;

function divideAt(event) {
  const box = stage.getBoundingClientRect();
  cut(100 * (event.clientX - box.left) / box.width);
}

stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0) return;
  dividing = event.target === handle || view.fitted;
  pointers.set(event.pointerId, event);
  stage.setPointerCapture(event.pointerId);
  if (dividing && pointers.size === 1) divideAt(event);
});
stage.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  if (!before) return;
  pointers.set(event.pointerId, event);
  if (pointers.size === 2) {
    const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
    const distance = (pointer) =>
      Math.max(1, Math.hypot(pointer.clientX - other.clientX, pointer.clientY - other.clientY));
    const box = stage.getBoundingClientRect();
    zoom(
      view.scale * distance(event) / distance(before),
      (event.clientX + other.clientX) / 2 - box.left,
      (event.clientY + other.clientY) / 2 - box.top,
    );
  } else if (dividing) divideAt(event);
  else move(event.clientX - before.clientX, event.clientY - before.clientY);
});
for (const ending of ["pointerup", "pointercancel"]) {
  stage.addEventListener(ending, (event) => pointers.delete(event.pointerId));
}

new ResizeObserver(() => { if (view.width) { if (view.fitted) fit(); else draw(); } }).observe(stage);
watch("value", show);
show();
