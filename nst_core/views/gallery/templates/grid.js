// The grid: which of all results are shown, in which order, on which page. All of it stands in the page's address, as
// #label=cat&sort=loss&page=2&pair-0123456789abcdef, so that any state can be linked to, from disk, too.
{
  const list = document.querySelector(".pairs"), form = document.querySelector(".controls");
  const pages = document.querySelector(".pages"), paintings = document.querySelector(".paintings");
  const nothing = document.querySelector(".nothing"), found = form.querySelector(".found");
  const home = Number(list.dataset.page);
  const facets = { label: "Label", style: "Style", split: "Split", run: "Run" };
  const measures = {
    style_distance: ["Nearest to the style", "Farthest from the style"],
    sliced_wasserstein: ["Nearest in features", "Farthest in features"],
    colour_distance: ["Nearest in colour", "Farthest in colour"],
    cfsd: ["Most content kept", "Least content kept"],
    "-ssim": ["Most structure kept", "Least structure kept"],
  }; // by how a judge measures, the best first
  const sorts = new Set(Object.keys(measures).map((name) => name.replace(/^-/, "")));
  let drawn = "", state = {}, shown = [];

  const decoded = (text) => {
    try { return decodeURIComponent(text); } catch { return text; }
  };

  nst.read = () => {
    const read = {};
    for (const part of location.hash.slice(1).split("&")) {
      const at = part.indexOf("=");
      if (part.startsWith("pair-")) read.pair = decoded(part.slice(5));
      else if (at > 0) read[part.slice(0, at)] = decoded(part.slice(at + 1));
    }
    return read;
  };

  nst.hash = ({ pair, ...rest }) => {
    const told = Object.entries(rest).filter(([, value]) => value).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
    return `#${[...told, ...(pair ? [`pair-${encodeURIComponent(pair)}`] : [])].join("&")}`;
  };

  // Changes the state and the address. With `push`, the browser's "back" leads to where we were.
  nst.go = (changes, push = false) => {
    const hash = nst.hash({ ...nst.read(), ...changes });
    if (push) history.pushState({ opened: true }, "", hash);
    else history.replaceState(history.state, "", hash);
    nst.sync();
  };

  nst.shown = () => shown;
  nst.pageOf = (place) => Math.floor(shown.indexOf(place) / nst.items.perPage) + 1;

  // Brings the grid into the state that the address names.
  nst.grid = () => {
    state = nst.read();
    shown = ordered(places());
    const plain = !state.sort && Object.keys(facets).every((facet) => !state[facet]);
    const count = Math.max(1, Math.ceil(shown.length / nst.items.perPage));
    const linked = state.pair && !state.page ? nst.places.get(state.pair) : undefined;
    const wanted = shown.includes(linked) ? nst.pageOf(linked) : Number(state.page) || (plain ? home : 1);
    const page = Math.min(Math.max(1, Math.trunc(wanted)), count);
    const now = JSON.stringify([...Object.keys(facets).map((facet) => state[facet]), state.sort, page]);
    const first = !drawn;
    if (now !== drawn && !(first && plain && page === home)) draw(page);
    drawn = now;
    controls();
    links(page, count, plain);
  };

  function places() {
    const { items } = nst, all = items.ids.map((_, place) => place);
    return Object.keys(facets).reduce((left, facet) => {
      if (!state[facet]) return left;
      const wanted = items.tables[facet].findIndex((value) => nameOf(value) === state[facet]);
      return left.filter((place) => [items[facet][place]].flat().includes(wanted));
    }, all);
  }

  function ordered(some) {
    const { items } = nst, { shapes } = items.tables;
    const pixels = (place) => shapes[items.shapes[place]][0] * shapes[items.shapes[place]][1];
    const key = (state.sort ?? "").replace(/^-/, ""), sign = state.sort?.startsWith("-") ? -1 : 1;
    const values = key === "loss" ? items.losses : sorts.has(key) ? items[key] : null;
    const value = key === "size" ? pixels : values && ((place) => values[place] ?? Infinity);
    if (!value) return some;
    const unknown = (place) => values != null && values[place] == null; // last, whatever the order
    return some.sort((a, b) => unknown(a) - unknown(b) || sign * (value(a) - value(b)) || a - b);
  }

  function draw(page) {
    const from = (page - 1) * nst.items.perPage;
    list.replaceChildren(...shown.slice(from, from + nst.items.perPage).map(card));
    nothing.hidden = shown.length > 0;
  }

  function card(place) {
    const item = nst.item(place), entry = document.createElement("li"), figure = document.createElement("figure");
    const link = document.createElement("a"), caption = document.createElement("figcaption");
    entry.id = `pair-${item.id}`;
    entry.style.setProperty("--r", item.ratio);
    link.href = nst.hash({ pair: item.id });
    link.append(nst.picture(item.thumb, item.title, `${Math.round(16 * item.ratio + 1)}rem`));
    caption.append(said("bdi", item.name), " ", item.styles.length ? said("bdi", item.styles.join(" + ")) : said("span", "as it is"));
    if (item.run) caption.append(" ", said("bdi", item.run));
    figure.append(link, caption);
    entry.append(figure);
    return entry;
  }

  function controls() {
    for (const select of form.querySelectorAll("select")) select.value = state[select.name] || (select.name === "sort" ? "name" : "");
    for (const button of paintings.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.name === state.style));
    }
    const all = nst.items.ids.length;
    found.textContent = shown.length < all ? `${shown.length.toLocaleString("en")} of ${all.toLocaleString("en")}` : "";
  }

  function links(page, count) {
    const address = (to) => nst.hash({ ...state, pair: null, page: to });
    const link = (rel, to, ...text) => {
      if (to < 1 || to > count) return document.createElement("span");
      const made = said("a", "");
      made.append(...text);
      made.rel = rel;
      made.href = address(to);
      return made;
    };
    pages.hidden = count === 1;
    pages.replaceChildren(
      link("prev", page - 1, said("span", "←"), " Previous"), said("span", `Page ${page} of ${count}`), link("next", page + 1, "Next ", said("span", "→")),
    );
    for (const arrow of pages.querySelectorAll("a span")) arrow.setAttribute("aria-hidden", "true");
  }

  function said(tag, text) {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  }

  const nameOf = (value) => value?.name ?? value;

  // The controls are made of the data, once: a choice of what there is more than one of.
  nst.prepare = () => {
    const { items } = nst, sorting = form.firstElementChild;
    for (const [facet, title] of Object.entries(facets)) {
      const values = items.tables[facet];
      if (values.length < 2) continue;
      const counts = new Array(values.length).fill(0);
      for (const value of items[facet].flat()) if (value != null) counts[value] += 1;
      const label = document.createElement("label"), select = document.createElement("select");
      select.name = facet;
      const options = values.map((value, i) => ({ name: nameOf(value), count: counts[i] }));
      options.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
      select.append(new Option("All", ""), ...options.map(({ name, count }) => new Option(`${name} (${count})`, name)));
      label.append(said("span", title), select);
      sorting.before(label);
    }
    for (const [name, titles] of Object.entries(measures)) {
      if (!items[name.replace(/^-/, "")]) continue; // nobody has judged these pictures
      const opposite = name.startsWith("-") ? name.slice(1) : `-${name}`;
      sorting.querySelector("select").append(new Option(titles[0], name), new Option(titles[1], opposite));
    }
    if (items.tables.style.length > 1) hang(items.tables.style);
    form.hidden = false;
  };

  // The paintings, as a row to choose from. They stay folded where they would make it more than 200 pictures.
  function hang(styles) {
    const few = styles.slice(0, 60);
    paintings.querySelector("summary").textContent = `${styles.length} paintings`;
    paintings.querySelector("ul").append(...few.map((style) => {
      const entry = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.dataset.name = style.name;
      button.append(nst.picture(style.thumb, `Show those in the style of ${style.name}`, "8rem"));
      button.title = style.name;
      entry.append(button);
      return entry;
    }));
    paintings.open = few.length + Math.min(nst.items.ids.length, nst.items.perPage) <= 200;
    paintings.hidden = false;
  }

  form.addEventListener("change", ({ target }) => {
    const value = target.name === "sort" && target.value === "name" ? "" : target.value;
    nst.go({ [target.name]: value, page: "" });
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  nothing.querySelector("button").addEventListener("click", () => nst.go({ label: "", style: "", split: "", run: "", page: "" }));
  paintings.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (button) nst.go({ style: button.getAttribute("aria-pressed") === "true" ? "" : button.dataset.name, page: "" });
  });
  pages.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    history.pushState(null, "", link.hash);
    nst.sync();
    form.parentElement.scrollIntoView();
    list.querySelector("a")?.focus({ preventScroll: true });
  });
}
