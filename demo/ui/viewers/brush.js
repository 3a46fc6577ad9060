// The brush: `element` is given by gr.HTML. What is painted is kept by the page, for Compress to
// take (see page.js): a sign for each cell of a coarse grid.
const CELLS = 96;
const INK = { "+": "rgb(255 0 170 / 50%)", "-": "rgb(24 24 60 / 70%)", ".": "transparent" };
const root = element.querySelector(".brush");
const stage = root.querySelector(".brush-stage");
const picture = stage.querySelector("img");
const canvas = stage.querySelector("canvas");
const tip = stage.querySelector(".brush-tip");
const size = root.querySelector("[data-part=size]");
const sum = root.querySelector(".brush-sum");
const painting = combiner.painting;
// Of the tip's middle, in cells.
const at = { x: 0, y: 0 };

// What the input shows, or what stands in for it where browsers cannot.
function chosen() {
  const find = (input) => document.querySelector(`#image-${input} img`);
  const shown = find("seen") ?? find("source");
  return shown?.getAttribute("src") ?? "";
}

function look() {
  const address = chosen();
  if (address === picture.getAttribute("src")) return;
  root.dataset.state = address ? "ready" : "empty";
  if (address) picture.src = address;
  else picture.removeAttribute("src");
  if (address !== painting.address) painting.begin(address, 0, 0);
  tell();
}

// The grid is known with the picture.
function lay() {
  const { naturalWidth: width, naturalHeight: height } = picture;
  const cell = Math.max(width, height) / CELLS;
  if (!painting.columns) {
    const [columns, rows] = [width, height].map((side) => Math.max(1, Math.round(side / cell)));
    painting.begin(picture.getAttribute("src"), columns, rows);
  }
  [canvas.width, canvas.height] = [painting.columns, painting.rows];
  [at.x, at.y] = [painting.columns / 2, painting.rows / 2];
  draw();
  point();
}

function draw() {
  const ink = canvas.getContext("2d");
  ink.clearRect(0, 0, canvas.width, canvas.height);
  painting.cells.forEach((sign, index) => {
    ink.fillStyle = INK[sign];
    ink.fillRect(index % painting.columns, Math.floor(index / painting.columns), 1, 1);
  });
}

function tell() {
  const share = (sign) => {
    const count = painting.cells.filter((each) => each === sign).length;
    return count ? Math.max(1, Math.round(100 * count / painting.cells.length)) : 0;
  };
  sum.textContent = painting.isEmpty
    ? "Nothing painted: bits go where they help most."
    : `Painted: ${share("+")} % for more bits, ${share("-")} % for fewer.`;
}

function point() {
  const scale = stage.clientWidth / painting.columns;
  const wide = 2 * size.value * scale;
  [tip.style.left, tip.style.top] = [`${at.x * scale}px`, `${at.y * scale}px`];
  [tip.style.width, tip.style.height] = [`${wide}px`, `${wide}px`];
}

function dab() {
  const radius = Number(size.value);
  const sign = root.querySelector("[name=brush-sign]:checked").value;
  painting.cells.forEach((_, index) => {
    const dx = index % painting.columns + 0.5 - at.x;
    const dy = Math.floor(index / painting.columns) + 0.5 - at.y;
    if (dx * dx + dy * dy <= radius * radius) painting.cells[index] = sign;
  });
}

// To a place, with paint all along the way.
function move(x, y, isPainting) {
  const [from, to] = [{ ...at }, { x, y }];
  const steps = isPainting ? Math.ceil(Math.hypot(x - from.x, y - from.y) / (size.value / 2)) : 1;
  for (let step = 1; step <= Math.max(1, steps); step += 1) {
    for (const axis of ["x", "y"]) at[axis] = from[axis] + (to[axis] - from[axis]) * step / Math.max(1, steps);
    if (isPainting) dab();
  }
  if (isPainting) draw();
  point();
}

function place(event) {
  const box = stage.getBoundingClientRect();
  const scale = painting.columns / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

let isDown = false;
stage.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !painting.columns) return;
  isDown = true;
  stage.setPointerCapture(event.pointerId);
  [at.x, at.y] = place(event);
  move(at.x, at.y, true);
});
stage.addEventListener("pointermove", (event) => {
  if (painting.columns) move(...place(event), isDown);
});
for (const ending of ["pointerup", "pointercancel"]) {
  stage.addEventListener(ending, () => { isDown = false; tell(); });
}
stage.addEventListener("keydown", (event) => {
  const step = event.shiftKey ? 8 : 2;
  const [dx, dy] = {
    ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step],
    " ": [0, 0],
  }[event.key] ?? [];
  if (dx === undefined || !painting.columns) return;
  const within = (value, most) => Math.min(most, Math.max(0, value));
  const isSpace = event.key === " ";
  move(within(at.x + dx, painting.columns), within(at.y + dy, painting.rows), isSpace);
  if (isSpace) tell();
  event.preventDefault();
});
size.addEventListener("input", point);
root.querySelector("[data-action=clear]").addEventListener("click", () => {
  painting.begin(painting.address, painting.columns, painting.rows);
  draw();
  tell();
});
picture.addEventListener("load", lay);
new ResizeObserver(() => { if (painting.columns) point(); }).observe(stage);
const watcher = new MutationObserver(() => { if (root.isConnected) look(); else watcher.disconnect(); });
const field = document.querySelector("#image-source").closest(".job-source");
watcher.observe(field, { subtree: true, childList: true, attributeFilter: ["src"] });
look();
