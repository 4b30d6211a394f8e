// What the parts of an artist's page share: the data of all results, and of some what the lightbox shows.
const nst = {
  items: null, // columns: items.names[place] is the name of a result
  places: new Map(), // by the id of a pair
  details: new Map(), // by the id of a pair
  part: new Map(), // promises, by the number of a details file

  // An image of a thumbnail {key, sizes: [[width, height], …], the smallest first}, or what stands for one that is gone.
  picture(thumb, alt, sizes) {
    if (!thumb) {
      const missing = document.createElement("span");
      missing.className = "missing";
      missing.setAttribute("role", "img");
      missing.setAttribute("aria-label", `${alt} (file not available)`);
      missing.textContent = "not available";
      return missing;
    }
    const image = document.createElement("img"), names = nst.files(thumb);
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = alt;
    [image.width, image.height] = thumb.sizes.at(-1);
    if (names.length > 1) {
      image.sizes = sizes;
      image.srcset = names.map((name, i) => `${name} ${thumb.sizes[i][0]}w`).join(", ");
    }
    image.src = names.at(-1);
    return image;
  },

  files: (thumb) => thumb.sizes.map(([width, height]) => `../thumbs/${thumb.key}-${width}x${height}.webp`),

  // The result at a place, of the columns.
  item(place) {
    const { items } = nst, { tables } = items;
    const thumb = items.thumbs[place] && { key: items.thumbs[place], sizes: tables.sizes[items.sizes[place]] };
    const [width, height, ratio] = tables.shapes[items.shapes[place]];
    const styles = [items.style[place]].flat().map((style) => tables.style[style].name);
    const name = items.names[place];
    const title = styles.length ? `${name} in the style of ${styles.join(" + ")}` : `${name} as it is`;
    const run = tables.run.length > 1 ? tables.run[items.run[place]] : ""; // nothing to tell apart
    return { id: items.ids[place], name, run, styles, title, thumb, width, height, ratio };
  },

  // What the lightbox shows of the result at a place; its file is fetched when first needed.
  async detailsOf(place) {
    const number = Math.floor(place / nst.items.perPage) + 1;
    if (!nst.part.has(number)) nst.part.set(number, nst.load(number));
    await nst.part.get(number);
    return nst.details.get(nst.items.ids[place]);
  },

  load(number) {
    return new Promise((done) => {
      const script = document.createElement("script"), { version } = document.querySelector("script[data-version]").dataset;
      script.src = `details-${number}.js?${version}`;
      script.onload = done;
      script.onerror = () => (nst.part.delete(number), done());
      document.head.append(script);
    });
  },
};

function nstDetails({ iterations, details }) {
  for (const [id, told] of Object.entries(details)) {
    if (told.trace) told.trace[0] = iterations[told.trace[0]];
    nst.details.set(id, told);
  }
}

function nstItems(items) {
  nst.items = items;
  items.ids.forEach((id, place) => nst.places.set(id, place));
  nst.start();
}
