// Every tab has an address, so that it can be shared and the way back works. A result's address,
// ?image=... or ?audio=..., is read by the server.
(() => {
  if (window.combinerPlaces) return;  // Gradio may run what is in the head twice
  window.combinerPlaces = true;
  const TITLES = {
    image: "Image", audio: "Audio", decode: "Decode", explain: "How it works", results: "Results",
  };
  const LOOK_MS = 100;
  const LOOKS = 300;

  const place = (address = new URL(location)) => {
    const asked = address.searchParams;
    const tab = asked.get("tab") ?? (asked.has("audio") ? "audio" : "image");
    return tab in TITLES ? tab : "image";
  };
  const TABS = ".tab-wrapper button, [role=tab]";
  const buttons = () =>
    [...document.querySelectorAll(TABS)].filter((each) => !each.closest("[aria-hidden=true]"));
  const named = (button) =>
    Object.keys(TITLES).find((tab) => TITLES[tab] === button?.textContent.trim());
  const shown = () => named(document.querySelector("[role=tab][aria-selected=true]"));

  function go() {
    if (shown() !== place()) buttons().find((each) => named(each) === place())?.click();
  }

  document.addEventListener("click", ({ target, isTrusted }) => {
    const tab = named(target instanceof Element ? target.closest(TABS) : null);
    if (!isTrusted || !tab || tab === place()) return;
    const address = new URL(location);
    for (const part of ["tab", "image", "audio"]) address.searchParams.delete(part);
    const own = resultOf(tab);
    if (own) address.searchParams.set(tab, own);
    if (tab !== place(address)) address.searchParams.set("tab", tab);
    history.pushState({}, "", address);
  }, true);
  window.combiner.isAt = (tab) => place() === tab;
  // A result that is shown is what the address of its tab names.
  const resultOf = (tab) => {
    const link = document.querySelector(`#${tab}-result:not(.hide, .hidden) #${tab}-link a`);
    return link && new URL(link.href).searchParams.get(tab);
  };
  window.combiner.name = (kind, id) => {
    const address = new URL(location);
    if (shown() !== kind || address.searchParams.get(kind) === id) return;
    address.searchParams.set(kind, id);
    history.replaceState({}, "", address);
  };
  // What is compressed next is not the result of the address.
  document.addEventListener("click", ({ target }) => {
    const asks = "#image-compress, #image-attempt, #audio-compress";
    const [kind] = (target instanceof Element ? target.closest(asks)?.id ?? "" : "").split("-");
    const address = new URL(location);
    if (!kind || !address.searchParams.has(kind)) return;
    address.searchParams.delete(kind);
    if (kind !== "image") address.searchParams.set("tab", kind);
    history.replaceState({}, "", address);
  }, true);
  // Charts that were drawn out of sight know of no width.
  document.addEventListener("click", ({ target }) => {
    const tab = target instanceof Element ? target.closest(TABS) : null;
    if (tab) setTimeout(() => dispatchEvent(new Event("resize")), LOOK_MS);
  }, true);
  addEventListener("popstate", go);

  let looks = 0;
  const begin = setInterval(() => {
    looks += 1;
    if (shown() || looks > LOOKS) {
      clearInterval(begin);
      go();
    }
  }, LOOK_MS);
})();
