// The lightbox of a sweep: a picture beside its photograph, or beside what another variant made of it.
{
  const { said } = nst, { variants, pairs, width } = nst.sweep, dialog = document.querySelector(".lightbox");
  const part = (selector) => dialog.querySelector(selector);
  const title = part("h2"), zoom = part(".zoom"), against = part(".against select"), copied = part(".copied");
  const range = part(".compare input");
  let pair = 0, place = null, opener = null;

  const picture = () => pairs[pair].pictures[place];
  const step = (by) => {
    const order = nst.order(pair), next = order[order.indexOf(place) + by];
    if (next !== undefined) show(pair, next);
  };
  const stepRow = (by) => {
    const every = nst.every(pair), next = every[every.indexOf(place) + by * width];
    if (pairs[pair].pictures[next]?.file) show(pair, next);
  };
  const stage = nst.stage(part(".stage"), step);

  function show(ofPair, at) {
    [pair, place] = [ofPair, at];
    const order = nst.order(pair), told = picture(), variant = variants[place];
    title.replaceChildren(said("bdi", variant.label), " ", said("span", pairs[pair].title));
    part(".place").textContent = `${order.indexOf(place) + 1} of ${order.length}`;
    for (const button of dialog.querySelectorAll(".step")) button.disabled = order[order.indexOf(place) + Number(button.dataset.step)] === undefined;
    fillChoices(order);
    part(".download").href = told.file;
    part(".download").download = decodeURIComponent(told.file.split("/").pop());
    part(".parameters").replaceChildren(...Object.entries(told.parameters).map(([name, value]) => {
      const row = document.createElement("div");
      row.append(said("dt", name), said("dd", value));
      return row;
    }));
    part(".curve").hidden = !told.trace;
    part(".curve svg")?.remove();
    if (told.trace) part(".curve").append(nst.curve(...told.trace));
    part(".options").textContent = variant.options;
    part(".run-file").textContent = variant.lines;
    copied.textContent = "";
    setZoom(false);
    compare();
    if (!dialog.open) dialog.showModal();
    for (const scrolled of [dialog, part(".told")]) scrolled.scrollTop = 0;
    if (!dialog.contains(document.activeElement) || document.activeElement.disabled || document.activeElement === document.body) title.focus();
    history.replaceState(null, "", `#${told.id}`);
  }

  // What stands on the slider's other side: kept while going on, as far as it is not the picture itself.
  function fillChoices(order) {
    const kept = against.value;
    const options = [new Option("the photograph", "content"), ...order.filter((other) => other !== place).map((other) => new Option(variants[other].label, other))];
    if (!pairs[pair].before) options.shift();
    against.replaceChildren(...options);
    against.value = kept;
    if (against.selectedIndex < 0) against.selectedIndex = 0;
    part(".against").hidden = !options.length;
  }

  function compare() {
    const { file, size } = picture(), { content, before } = pairs[pair], other = against.value;
    const isContent = other === "content" || !other;
    const beside = isContent ? before : pairs[pair].pictures[other].file;
    stage.show({ before: beside, after: file, size, name: content, title: `${pairs[pair].title}: ${variants[place].label}` });
    if (!isContent) {
      part(".compare .before").alt = `${pairs[pair].title}: ${variants[other].label}`;
      range.setAttribute("aria-label", `Compare ${variants[other].label} with ${variants[place].label}`);
      tell();
    }
  }

  function tell() {
    if (against.value && against.value !== "content") range.setAttribute("aria-valuetext", `${Math.round(range.value)} % of ${variants[against.value].label}, the rest is ${variants[place].label}`);
  }

  function setZoom(on) {
    zoom.setAttribute("aria-pressed", String(on));
    stage.zoom(on, picture().size);
    if (on) part(".zoomed").focus();
  }

  async function copy(selector) {
    const text = part(selector).textContent;
    try {
      await navigator.clipboard.writeText(text);
      copied.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(part(selector)); // no clipboard here: to be copied by hand
      copied.textContent = "Selected: copy it with the keyboard.";
    }
  }

  document.querySelector("main").addEventListener("click", (event) => {
    const link = event.target.closest(".cell a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    opener = link;
    open(link.closest(".cell").dataset.picture);
  });
  against.addEventListener("change", compare);
  document.addEventListener("input", ({ target }) => target === range && tell());
  dialog.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.matches(".step")) step(Number(button.dataset.step));
    else if (button?.matches(".zoom")) setZoom(button.getAttribute("aria-pressed") !== "true");
    else if (button?.matches(".close")) dialog.close();
    else if (button?.dataset.copy) copy(button.dataset.copy);
  });
  dialog.addEventListener("keydown", (event) => {
    const isGrid = !document.querySelector("[name=order]").value;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key], down = isGrid && { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!(across || down) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!event.shiftKey && event.target.matches("input, select, .zoomed")) return; // they have a use for arrows themselves
    event.preventDefault();
    if (across) step(across);
    else stepRow(down);
  });
  dialog.addEventListener("close", () => {
    const last = nst.figure(picture().id)?.querySelector("a") ?? opener;
    history.replaceState(null, "", location.pathname + location.search);
    last?.focus();
  });

  function open(id) {
    pairs.some(({ pictures }, ofPair) => {
      const at = pictures.findIndex((one) => one.id === id && one.file);
      if (at >= 0) show(ofPair, at);
      return at >= 0;
    });
  }

  open(decodeURIComponent(location.hash.slice(1)));
  document.documentElement.dataset.ready = "";
}
