// A/B/X: X is secretly A or B, and whoever cannot tell is right half of the time.
const NAMELESS = ["A", "B", "X"];

// How likely it is to be right so often, or more, by guessing.
function chanceOf(right, total) {
  let ways = 1, sum = 0;
  for (let count = total; count >= right; count -= 1) {
    sum += ways;
    ways *= count / (total - count + 1);
  }
  return sum / 2 ** total;
}

// The panel of a test; `told` is called when what A, B and X are has changed.
function blindTest(root, told) {
  const box = root.querySelector(".blind");
  const part = (name) => box.querySelector(`[data-blind=${name}]`);
  const switcher = root.querySelector("[data-action=blind]");
  const other = part("other");
  let first = null, names = [], isA = false, right = 0, total = 0;

  function hide() {
    isA = crypto.getRandomValues(new Uint8Array(1))[0] < 128;
  }
  function begin() {
    right = total = 0;
    part("score").textContent = "";
    hide();
    told();
  }
  function answer(letter) {
    const truth = isA ? "A" : "B";
    const isRight = letter === truth;
    total += 1;
    right += isRight;
    const percent = 100 * chanceOf(right, total);
    const chance = percent < 1 ? "less than 1" : Math.round(percent);
    part("score").textContent = `${isRight ? "Right" : "Wrong"}: X was ${truth}. ${right} of `
      + `${total}. By guessing one gets as many or more ${chance} % of the time. The next X is ready.`;
    hide();
    told();
  }
  function open(isOpen) {
    box.hidden = !isOpen;
    switcher.setAttribute("aria-expanded", isOpen);
    if (isOpen) begin();
    else told();
  }

  switcher.addEventListener("click", () => open(box.hidden));
  other.addEventListener("change", begin);
  part("again").addEventListener("click", begin);
  for (const button of box.querySelectorAll("[data-answer]")) {
    button.addEventListener("click", () => answer(button.dataset.answer));
  }
  return {
    get isOn() { return !box.hidden; },
    // What a letter stands for.
    nameOf: (letter) => (letter === "A" || (letter === "X" && isA) ? first : other.value),
    // What can be told apart: the first from any of the others. What goes on is kept if it can be.
    offer(all, preferred) {
      const kept = other.value;
      const isKept = all[0] === first && all.slice(1).includes(kept);
      [first, ...names] = all;
      other.replaceChildren(...names.map((name) => new Option(name, name)));
      other.value = isKept ? kept : names.includes(preferred) ? preferred : names[0] ?? "";
      part("first").textContent = first ?? "";
      switcher.hidden = names.length === 0;
      if (!isKept && !box.hidden) open(false);
    },
  };
}
