// Where pictures stand: one place and zoom for both sides, by pointer and by keyboard.
const MAX_ZOOM = 32;
const STEP = 40;

// `pictures` gives the elements to lay out; `told` is called when place or zoom have changed.
function pictureStage(root, pictures, told) {
  const stage = root.querySelector(".compare-stage");
  const handle = root.querySelector(".compare-handle");
  // Sizes are in CSS pixels; a zoom of 1 shows a pixel of the picture on one pixel of the screen.
  const view = { fitted: true, scale: 1, x: 0, y: 0, width: 0, height: 0 };
  let panes = 1;

  const paneWidth = () => stage.clientWidth / panes;

  function lay(width, height) {
    Object.assign(view, { fitted: true, width, height });
    cut(50);
    divide(panes);
  }

  // Both sides over each other, or beside each other.
  function divide(count) {
    panes = count;
    stage.style.aspectRatio = `${panes * view.width} / ${view.height}`;
    if (view.fitted) fit(); else draw();
  }

  function cut(percent) {
    const value = Math.min(100, Math.max(0, percent));
    stage.style.setProperty("--cut", `${value}%`);
    handle.setAttribute("aria-valuenow", Math.round(value));
    handle.setAttribute("aria-valuetext", `${Math.round(value)} % left side`);
  }

  function fit() {
    const scale = Math.min(paneWidth() / view.width, stage.clientHeight / view.height);
    view.fitted = true;
    view.scale = Number.isFinite(scale) && scale > 0 ? scale : 1;
    draw();
  }

  // Zoom so that the point of a pane at (x, y) stays where it is.
  function zoom(scale, x = paneWidth() / 2, y = stage.clientHeight / 2) {
    const minScale = Math.min(
      paneWidth() / view.width, stage.clientHeight / view.height, 1 / devicePixelRatio,
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

  // Centred where it is smaller than the pane, without a gap where it is larger; on whole pixels.
  function settle(offset, size, room) {
    const free = room - size;
    const wanted = free >= 0 ? free / 2 : Math.min(0, Math.max(free, offset));
    return Math.round(wanted * devicePixelRatio) / devicePixelRatio;
  }

  function draw() {
    view.x = settle(view.x, view.width * view.scale, paneWidth());
    view.y = settle(view.y, view.height * view.scale, stage.clientHeight);
    const pixels = view.scale * devicePixelRatio;
    stage.toggleAttribute("data-pixels", pixels > 0.999);
    stage.toggleAttribute("data-zoomed", !view.fitted);
    const current = view.fitted ? "fit" : String(Math.round(pixels * 100) / 100);
    stage.dataset.zoom = current;
    root.querySelectorAll("button[data-zoom]").forEach((button) => {
      button.setAttribute("aria-pressed", button.dataset.zoom === current);
    });
    told();
    arrange();
  }

  // Pictures that came just now, too.
  function arrange() {
    for (const picture of pictures()) {
      picture.style.width = `${view.width}px`;
      picture.style.height = `${view.height}px`;
      picture.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
    }
  }

  root.querySelector(".compare-zoom").addEventListener("click", (event) => {
    const wanted = event.target.dataset.zoom;
    if (wanted === "fit") fit();
    else if (wanted) zoom(Number(wanted) / devicePixelRatio);
  });
  // With all that can be pressed, so that a touch can leave it.
  const whole = root.querySelector("[data-action=fullscreen]");
  whole.addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else root.requestFullscreen?.();
  });
  root.addEventListener("fullscreenchange", () => {
    const isWhole = document.fullscreenElement === root;
    whole.textContent = isWhole ? "Leave full screen" : "Full screen";
    if (isWhole) stage.focus();
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

  // A point of the window in the pane that it lies in.
  function within(x, y) {
    const box = stage.getBoundingClientRect();
    return [(x - box.left) % paneWidth(), y - box.top];
  }

  // The wheel scrolls the page until the stage has been clicked; a pinch on a touchpad has Ctrl.
  stage.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !stage.contains(document.activeElement)) return;
    const factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002));
    zoom(view.scale * factor, ...within(event.clientX, event.clientY));
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
    dividing = stage.dataset.view === "divider" && (event.target === handle || view.fitted);
    pointers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
    if (dividing && pointers.size === 1) divideAt(event);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    pointers.set(event.pointerId, event);
    if (pointers.size === 2) {
      const other = [...pointers.values()].find((each) => each.pointerId !== event.pointerId);
      const distance = (each) =>
        Math.max(1, Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY));
      const [x, y] = [event.clientX + other.clientX, event.clientY + other.clientY];
      zoom(view.scale * distance(event) / distance(before), ...within(x / 2, y / 2));
    } else if (dividing) divideAt(event);
    else move(event.clientX - before.clientX, event.clientY - before.clientY);
  });
  for (const ending of ["pointerup", "pointercancel"]) {
    stage.addEventListener(ending, (event) => pointers.delete(event.pointerId));
  }

  new ResizeObserver(() => {
    if (view.width) { if (view.fitted) fit(); else draw(); }
  }).observe(stage);
  // The longer side in pixels of the screen, and of the picture's own on one of those.
  const seen = () => view.scale * devicePixelRatio * Math.max(view.width, view.height);
  return { arrange, divide, element: stage, lay, seen };
}
