// Pictures that look like the one that is open, or like the painting that is chosen; fetched when they are first needed.
{
  const { artist } = document.querySelector("script[data-artist]").dataset, PAINTINGS = 0;
  const section = (kind) => document.querySelector(`.alike[data-kind="${kind}"]`);
  const chosen = document.querySelector(".alike-painting");
  const parts = new Map(), loading = new Map(); // by the number of a script
  let open = null, style = null;

  window.nstAlike = (part) => parts.set(part.part, part);

  function load(number) {
    if (!loading.has(number)) {
      loading.set(number, new Promise((done) => {
        const script = document.createElement("script");
        script.src = `alike-${number}.js?${new Date().toISOString().slice(0, 13)}`; // others' new pictures change it
        script.onload = script.onerror = done;
        document.head.append(script);
      }));
    }
    return loading.get(number);
  }

  async function alike(number, key) {
    await load(number);
    const part = parts.get(number), [results, paintings] = part?.of[key] ?? [[], []];
    const shown = (entry) => ({ slug: part.artists[entry[0]][0], by: part.artists[entry[0]][1], key: entry[1], name: entry[2],
      thumb: { key: entry[3], sizes: part.sizes[entry[4]] }, style: entry[5] });
    return [results.map((place) => shown(part.results[place])), paintings.map((place) => shown(part.paintings[place]))];
  }

  const address = (slug, hash) => (slug === artist ? hash : `../${encodeURIComponent(slug)}/index.html${hash}`);

  function result({ slug, key, name, style, thumb }) {
    const title = style ? `${name} in the style of ${style}` : `${name} as it is`;
    return entry(address(slug, nst.hash({ pair: key })), thumb, title);
  }

  function painting({ slug, by, key, name, thumb }) {
    const made = entry(address(slug, nst.hash({ style: key })), thumb, `${name}, ${by}`);
    const caption = nst.said("span", "");
    caption.setAttribute("aria-hidden", "true"); // the picture's own text says it
    caption.append(nst.said("bdi", by));
    made.firstChild.append(caption);
    return made;
  }

  function entry(href, thumb, title) {
    const made = document.createElement("li"), link = nst.said("a", "");
    [link.href, link.title] = [href, title];
    link.append(nst.picture(thumb, title, "8rem"));
    made.append(link);
    return made;
  }

  function fill(kind, entries) {
    section(kind).hidden = !entries.length;
    section(kind).querySelector("ul").replaceChildren(...entries);
  }

  async function showResult(place) {
    for (const kind of ["results", "paintings"]) section(kind).hidden = true;
    const { styles } = nst.item(place);
    await nst.detailsOf(place);
    if (open !== place) return;
    document.querySelectorAll(".hung figcaption bdi").forEach((name, i) => {
      const link = nst.said("a", "");
      link.href = nst.hash({ style: styles[i] });
      name.replaceWith(link);
      link.append(name);
    });
    const [results, paintings] = await alike(Math.floor(place / nst.items.perPage) + 1, nst.items.ids[place]);
    if (open !== place) return;
    fill("results", results.map(result));
    fill("paintings", paintings.map(painting));
  }

  async function showPainting(name) {
    if (!name) {
      chosen.hidden = true;
      return;
    }
    const [results, paintings] = await alike(PAINTINGS, name);
    if (style !== name) return;
    fill("painting-paintings", paintings.map(painting));
    fill("painting-results", results.map(result));
    chosen.hidden = !results.length && !paintings.length;
  }

  const sync = nst.sync;
  nst.sync = () => {
    sync();
    const { pair, style: named } = nst.read(), place = nst.places.get(pair) ?? null;
    if (place !== open) {
      open = place;
      if (place !== null) showResult(place);
    }
    if ((named ?? "") !== style) {
      style = named ?? "";
      showPainting(style);
    }
  };
}
