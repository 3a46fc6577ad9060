// Detail is added after everything else, in proportion to its strength. So any strength is a blend
// of the picture without detail and the one with all of it: no decoder is asked.
const HALF_STEP = 0.026;

// The slider; `told` is called when another strength is to be seen.
function detailSlider(root, told) {
  const box = root.querySelector(".compare-detail");
  const slider = box.querySelector("input");
  const number = box.querySelector("output");
  const loaded = new Map();  // Pictures by address: held, they are there at once.
  let suggested = 0;

  function load(address) {
    if (!loaded.has(address)) {
      const picture = new Image();
      picture.src = address;
      loaded.set(address, { picture, isThere: false });
      picture.decode().then(() => { loaded.get(address).isThere = true; told(); }, () => {});
    }
    return loaded.get(address).isThere;
  }
  function say() {
    const strength = Number(slider.value);
    const notes = [[suggested, "suggested"], [0, "faithful"], [1, "natural"]];
    const texts = [strength.toFixed(2)];
    const note = notes.find(([at]) => Math.abs(strength - at) < HALF_STEP);
    if (note) texts.push(note[1]);
    if (note?.[0] !== suggested) texts.push(`downloads have ${suggested.toFixed(2)}`);
    number.textContent = texts.join(", ");
    slider.setAttribute("aria-valuetext", number.textContent);
  }

  slider.addEventListener("input", () => { say(); told(); });
  return {
    get strength() { return Number(slider.value); },
    show(isShown) { box.hidden = !isShown; },
    // Begin with what a file suggests.
    suggest(strength) {
      loaded.clear();
      suggested = strength;
      slider.value = strength;
      box.style.setProperty("--suggested", strength);
      say();
    },
    // The two files to blend, once they are there; nothing where the picture itself will do.
    blended(blend, addressOf) {
      if (!blend || Math.abs(slider.value - blend.detail) < HALF_STEP) return null;
      const both = [blend.faithful, blend.natural].map(addressOf);
      return both.map(load).every(Boolean) ? both : null;
    },
  };
}
