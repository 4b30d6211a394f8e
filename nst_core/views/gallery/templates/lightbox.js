// The lightbox: one result of those that the grid shows now, with all that is known of it.
{
  const { said } = nst, dialog = document.querySelector(".lightbox"), list = document.querySelector(".pairs");
  const part = (selector) => dialog.querySelector(selector);
  const title = part("h2"), zoom = part(".zoom"), copied = part(".copied");
  let place = null, size = [1, 1], back = null;

  const step = (by) => {
    const shown = nst.shown(), next = shown[shown.indexOf(place) + by];
    if (next !== undefined) nst.go({ pair: nst.items.ids[next], page: nst.read().page && String(nst.pageOf(next)) });
  };
  const stage = nst.stage(part(".stage"), step);

  // Brings grid and lightbox into the state that the address names: on start, on "back", and after whatever is done here.
  nst.sync = () => {
    nst.grid();
    const wanted = nst.places.get(nst.read().pair);
    if (wanted !== undefined) show(wanted);
    else if (dialog.open) dialog.close();
    else if (back !== null) giveFocusBack();
  };

  function show(wanted) {
    if (place === wanted && dialog.open) return;
    place = wanted;
    const item = nst.item(place), shown = nst.shown(), at = shown.indexOf(place);
    title.replaceChildren(...phrase(item));
    part(".place").textContent = at < 0 ? "" : `${(at + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
    for (const button of dialog.querySelectorAll(".step")) button.disabled = shown[at + Number(button.dataset.step)] === undefined || at < 0;
    copied.textContent = "";
    for (const scrolled of [dialog, part(".told")]) scrolled.scrollTop = 0;
    setZoom(false);
    if (!dialog.open) {
      part(".stage").classList.add("waiting");
      dialog.showModal();
    }
    if (!dialog.contains(document.activeElement) || document.activeElement.disabled || document.activeElement === document.body) title.focus();
    nst.detailsOf(place).then((told) => place === wanted && fill(item, told));
  }

  function phrase({ name, styles }) {
    if (!styles.length) return [said("bdi", name), " ", said("span", "as it is")];
    return [said("bdi", name), " ", said("span", "in the style of"), " ", said("bdi", styles.join(" + "))];
  }

  function fill(item, told) {
    const after = told?.file ?? (item.thumb && nst.files(item.thumb).at(-1));
    size = told?.size ?? [item.width, item.height];
    stage.show({ before: told?.before && nst.files(told.before).at(-1), after, size, name: item.name, title: item.title });
    zoom.disabled = !after;
    const download = part(".download");
    download.hidden = !told?.file;
    download.href = told?.file ?? "";
    download.download = decodeURIComponent((told?.file ?? "").split("/").pop());
    part(".hung").replaceChildren(...(told?.styles ?? []).map(painting));
    part(".curve").hidden = !told?.trace;
    part(".curve svg")?.remove();
    if (told?.trace) part(".curve").append(nst.curve(...told.trace));
    part(".parameters").replaceChildren(...pairs({ ...told?.parameters, ...(item.run && { Run: item.run }) }));
    part(".rights").hidden = !Object.keys(told?.rights ?? {}).length;
    part(".rights dl").replaceChildren(...pairs(told?.rights ?? {}));
  }

  function painting({ name, share, thumb }) {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    caption.append(said("bdi", name), share ? ` ${share}` : "");
    figure.append(nst.picture(thumb, `The painting ${name}`, "12rem"), caption);
    return figure;
  }

  function pairs(values) {
    return Object.entries(values).map(([name, value]) => {
      const row = document.createElement("div"), told = document.createElement("dd");
      const link = /^https?:\/\//i.test(value) ? said("a", value) : said("bdi", value);
      if (link.tagName === "A") [link.href, link.rel] = [value, "noreferrer"];
      told.append(link);
      row.append(said("dt", name), told);
      return row;
    });
  }

  function setZoom(on) {
    zoom.setAttribute("aria-pressed", String(on));
    stage.zoom(on, size);
    if (on) part(".zoomed").focus();
  }

  // The card that was looked at last gets the focus, on whichever page it is.
  function giveFocusBack() {
    const last = back;
    back = null;
    if (!nst.shown().includes(last)) return;
    const card = () => document.getElementById(`pair-${nst.items.ids[last]}`);
    if (!card()) nst.go({ page: String(nst.pageOf(last)) });
    card()?.querySelector("a").focus();
  }

  list.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    nst.go({ pair: link.closest("li").id.slice("pair-".length), page: nst.read().page }, true);
  });
  dialog.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button?.matches(".step")) step(Number(button.dataset.step));
    else if (button?.matches(".zoom")) setZoom(button.getAttribute("aria-pressed") !== "true");
    else if (button?.matches(".close")) dialog.close();
    else if (button?.matches(".link")) copy();
  });
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!event.shiftKey && event.target.matches("input, .zoomed")) return; // they have a use for arrows themselves
    event.preventDefault();
    step(by);
  });
  dialog.addEventListener("close", () => {
    [back, place] = [place, null];
    if (!nst.read().pair) giveFocusBack();
    else if (history.state?.opened) history.back(); // and then `sync`
    else nst.go({ pair: null });
  });

  async function copy() {
    const address = new URL(nst.hash({ pair: nst.items.ids[place] }), location.href).href;
    try {
      await navigator.clipboard.writeText(address);
      copied.textContent = "The link is copied.";
    } catch {
      copied.textContent = address; // no clipboard here: to be copied by hand
    }
  }

  nst.start = () => {
    nst.prepare();
    nst.sync();
    addEventListener("popstate", nst.sync);
    document.documentElement.dataset.ready = "";
  };
}
