// Gradio's fields take what the browser calls an image or sound. The engine reads more: videos, and
// HEIC, JPEG XL and others whose media type few browsers know. Several files at once go to the list,
// and so does one that is too large, which is told there.
(() => {
  if (window.combinerTakesAllFiles) return;  // Gradio may run what is in the head twice
  window.combinerTakesAllFiles = true;
  const FIELDS = "#image-source, #audio-source";
  const VIDEOS = "video/*,.mp4,.m4v,.mov,.webm,.mkv,.avi";
  const ACCEPTED = {
    image: `image/*,.avif,.heic,.heif,.hif,.jxl,.jp2,.j2k,.tif,.tiff,${VIDEOS}`,
    audio: `audio/*,.aif,.aiff,.caf,.m4a,.oga,.ogg,.opus,.w64,.wma,${VIDEOS}`,
  };

  const inSight = () =>
    [...document.querySelectorAll(FIELDS)].find((each) => each.checkVisibility());

  // On phones the field is out of sight at first.
  document.addEventListener("click", ({ target }) => {
    const [kind] = (target instanceof Element ? target.closest("[id$=-choose]")?.id ?? "" : "").split("-");
    if (kind) document.querySelector(`#${kind}-source input[type=file]`)?.click();
  });

  // Whoever refuses the camera or the microphone, or has none, is told so.
  const told = Object.assign(document.createElement("p"), { className: "source-refused" });
  told.setAttribute("role", "alert");
  told.textContent = "The browser gives no access: it was refused, or there is no such device.";
  addEventListener("unhandledrejection", (event) => {
    const refusals = ["NotAllowedError", "NotFoundError", "NotReadableError"];
    if (!refusals.includes(event.reason?.name)) return;
    event.preventDefault();
    inSight()?.after(told);
  });
  document.addEventListener("click", ({ target }) => {
    if (target instanceof Element && target.closest(FIELDS)) told.remove();
  });

  const fieldOf = (target) => {
    const field = target instanceof Element ? target.closest(FIELDS) : null;
    const input = field?.querySelector("input[type=file]");
    return input ? { kind: field.id.split("-")[0], input } : null;
  };
  const isForList = (files) =>
    files.length > 1 || files.some((file) => file.size > combiner.largestBytes);
  const isKnown = (file, kind) => file.type.startsWith(`${kind}/`);

  // Hand files over under a media type that the field takes; the server looks at their content.
  const choose = ({ kind, input }, files) => {
    const transfer = new DataTransfer();
    for (const file of files) {
      const known = isKnown(file, kind);
      transfer.items.add(known ? file : new File([file], file.name, { type: `${kind}/x-other` }));
    }
    input.files = transfer.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const several = (kind, files) =>
    document.dispatchEvent(new CustomEvent("combiner-several", { detail: { kind, files } }));

  // Several are being looked into, and would take the place of one that came before that is over.
  const chooseAfter = async (looking, kind, files) => {
    combiner.begin(kind);
    await looking;
    choose(fieldOf(document.querySelector(`#${kind}-source`)), files);
    combiner.end(kind);
  };

  document.addEventListener("click", ({ target }) => {
    const field = fieldOf(target);
    if (field) Object.assign(field.input, { accept: ACCEPTED[field.kind], multiple: true });
  }, true);

  document.addEventListener("change", (event) => {
    const field = fieldOf(event.target);
    if (!field || event.target !== field.input) return;
    event.target.closest(FIELDS).scrollIntoView({ block: "nearest" });
    const files = [...field.input.files];
    if (isForList(files)) {
      event.stopImmediatePropagation();
      field.input.value = "";
      several(field.kind, files);
      return;
    }
    if (!files.length) return;
    document.dispatchEvent(new CustomEvent("combiner-alone", { detail: { kind: field.kind } }));
    const looking = combiner.looking[field.kind];
    if (!looking && files.every((file) => isKnown(file, field.kind))) return;
    event.stopImmediatePropagation();
    if (looking) chooseAfter(looking, field.kind, files);
    else choose(field, files);
  }, true);

  const take = (field, files) => {
    if (isForList(files)) several(field.kind, files);
    else choose(field, files);
  };

  // What is dropped beside the field is for it, too.
  document.addEventListener("dragover", (event) => {
    if (inSight() && event.dataTransfer?.types.includes("Files")) event.preventDefault();
  });

  document.addEventListener("drop", (event) => {
    const field = fieldOf(event.target) ?? fieldOf(inSight());
    if (!field || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    event.target.dispatchEvent(new DragEvent("dragleave", { bubbles: true }));
    take(field, [...event.dataTransfer.files]);
  }, true);

  document.addEventListener("paste", (event) => {
    const field = fieldOf(inSight());
    if (!field || !event.clipboardData?.files.length) return;
    event.preventDefault();
    take(field, [...event.clipboardData.files]);
  });
})();
