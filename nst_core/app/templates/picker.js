// The collections, in a dialog: photographs; or artists, and the paintings of one.

const picker = one("#picker");
const tiles = one(".tiles", picker);
const search = one("input", picker);
const more = one(".more", picker);
const PAGE = 60;

// What the dialog shows now. `turn` tells an answer that comes too late from one that is waited for.
const shown = { well: null, artist: null, artists: null, offset: 0, turn: 0 };

function openPicker(well) {
  shown.well = well;
  shown.artist = null;
  search.value = "";
  picker.showModal();
  if (well.kind === "content") showShelf("Photographs");
  else showArtists();
}

function pick(choice) {
  shown.well.choose(choice);
  picker.close(); // the focus goes back to the button that opened it
}

function clearShelf(title, back) {
  shown.turn += 1;
  shown.offset = 0;
  one("#picker-title").replaceChildren(...title);
  one(".back", picker).hidden = !back;
  one(".shelf", picker).scrollTop = 0;
  tiles.replaceChildren();
  more.hidden = true;
  tell("");
}

function tell(sentence, fault = "") {
  one(".telling", picker).textContent = sentence;
  one(".fault", picker).textContent = fault;
}

async function showArtists() {
  clearShelf(["Painters"], false);
  const turn = shown.turn;
  try {
    shown.artists ??= (await ask("/api/artists")).items;
  } catch (fault) {
    if (turn === shown.turn) tell("", fault.message);
    return;
  }
  if (turn === shown.turn) listArtists();
}

function listArtists() {
  const wanted = search.value.trim().toLocaleLowerCase();
  const found = shown.artists.filter((artist) => artist.name.toLocaleLowerCase().includes(wanted));
  tiles.replaceChildren(
    ...found.map((artist) => {
      const count = artist.styles === 1 ? "1 painting" : `${artist.styles.toLocaleString("en")} paintings`;
      return tile(artist.thumbnail, [named(artist.name)], count, () => openArtist(artist));
    }),
  );
  tell(found.length ? "" : "No painter of this name.");
}

function openArtist(artist) {
  shown.artist = artist;
  search.value = "";
  showShelf(artist.name);
  one("#picker-title").focus();
}

// Photographs, or the paintings of an artist: the first page of them.
function showShelf(title) {
  clearShelf([named(title)], Boolean(shown.artist));
  const { artist } = shown;
  if (artist && artist.styles > 1 && !search.value) {
    const choice = { name: artist.name, image: artist.thumbnail, given: { artist: artist.id } };
    const any = tile(artist.thumbnail, ["Any of these"], "drawn for you", () => pick(choice));
    any.classList.add("any");
    tiles.append(any);
  }
  nextPage();
}

async function nextPage() {
  const turn = shown.turn;
  const query = new URLSearchParams({ offset: shown.offset, count: PAGE, q: search.value.trim() });
  if (shown.artist) query.set("artist", shown.artist.id);
  more.disabled = true;
  try {
    const { items, total } = await ask(`/api/${shown.artist ? "styles" : "contents"}?${query}`);
    if (turn !== shown.turn) return;
    shown.offset += items.length;
    tiles.append(...items.map(shelfTile));
    more.hidden = items.length === 0 || shown.offset >= total;
    tell(total ? "" : "Nothing of this name.");
  } catch (fault) {
    if (turn === shown.turn) tell("", fault.message);
  } finally {
    more.disabled = false;
  }
}

function shelfTile(item) {
  const note = item.width ? `${item.width} × ${item.height}` : "";
  return tile(item.thumbnail, [named(item.name)], note, () => pick({ ...item, image: item.thumbnail, given: { id: item.id } }));
}

function tile(thumbnail, name, note, chosen) {
  const image = make("img", { src: thumbnail, alt: "", loading: "lazy" });
  const button = make("button", { type: "button" }, image, make("span", {}, ...name), make("small", { textContent: note }));
  button.addEventListener("click", chosen);
  return make("li", {}, button);
}

let typing = 0;
search.addEventListener("input", () => {
  clearTimeout(typing);
  if (shown.well.kind === "style" && !shown.artist) return shown.artists && listArtists();
  typing = setTimeout(() => showShelf(shown.artist?.name ?? "Photographs"), 250);
});
more.addEventListener("click", nextPage);
new IntersectionObserver(([seen]) => seen.isIntersecting && !more.disabled && nextPage(), {
  root: one(".shelf", picker),
  rootMargin: "400px",
}).observe(more);
one(".close", picker).addEventListener("click", () => picker.close());
one(".back", picker).addEventListener("click", () => {
  shown.artist = null;
  search.value = "";
  showArtists();
  one("#picker-title").focus();
});
picker.addEventListener("click", (event) => event.target === picker && picker.close()); // beside it

// Arrow keys go through the tiles as they stand.
tiles.addEventListener("keydown", (event) => {
  const buttons = [...tiles.querySelectorAll("button")];
  const at = buttons.indexOf(event.target);
  const columns = getComputedStyle(tiles).gridTemplateColumns.split(" ").length;
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  if (at < 0 || !step) return;
  event.preventDefault();
  buttons[at + step]?.focus();
});
