// The collections, in a dialog: photographs; or artists, and the paintings of one.

const picker = one("#picker");
const tiles = one(".tiles", picker);
const search = one("input", picker);
const more = one(".more", picker);
const PAGE = 60;

// What the dialog shows now. `turn` tells an answer that comes too late from one that is waited for.
const pickerView = { input: null, artist: null, artists: null, offset: 0, turn: 0 };

function openPicker(input) {
  pickerView.input = input;
  pickerView.artist = null;
  search.value = "";
  picker.showModal();
  if (input.kind === "content") showItems("Photographs");
  else showArtists();
}

function pick(choice) {
  pickerView.input.choose(choice);
  picker.close(); // the focus goes back to the button that opened it
}

function clearPicker(title, back) {
  pickerView.turn += 1;
  pickerView.offset = 0;
  one("#picker-title").replaceChildren(...title);
  one(".back", picker).hidden = !back;
  one(".items", picker).scrollTop = 0;
  tiles.replaceChildren();
  more.hidden = true;
  setStatus("");
}

function setStatus(sentence, fault = "") {
  one(".message", picker).textContent = sentence;
  one(".fault", picker).textContent = fault;
}

async function showArtists() {
  clearPicker(["Painters"], false);
  const turn = pickerView.turn;
  try {
    pickerView.artists ??= (await callApi("/api/artists")).items;
  } catch (fault) {
    if (turn === pickerView.turn) setStatus("", fault.message);
    return;
  }
  if (turn === pickerView.turn) listArtists();
}

function listArtists() {
  const wanted = search.value.trim().toLocaleLowerCase();
  const found = pickerView.artists.filter((artist) => artist.name.toLocaleLowerCase().includes(wanted));
  tiles.replaceChildren(
    ...found.map((artist) => {
      const count = artist.styles === 1 ? "1 painting" : `${artist.styles.toLocaleString("en")} paintings`;
      return tile(artist.thumbnail, [nameElement(artist.name)], count, () => openArtist(artist));
    }),
  );
  setStatus(found.length ? "" : "No painter of this name.");
}

function openArtist(artist) {
  pickerView.artist = artist;
  search.value = "";
  showItems(artist.name);
  one("#picker-title").focus();
}

// Photographs, or the paintings of an artist: the first page of them.
function showItems(title) {
  clearPicker([nameElement(title)], Boolean(pickerView.artist));
  const { artist } = pickerView;
  if (artist && artist.styles > 1 && !search.value) {
    const choice = { name: artist.name, image: artist.thumbnail, source: { artist: artist.id } };
    const any = tile(artist.thumbnail, ["Any of these"], "drawn for you", () => pick(choice));
    any.classList.add("any");
    tiles.append(any);
  }
  nextPage();
}

async function nextPage() {
  const turn = pickerView.turn;
  const query = new URLSearchParams({ offset: pickerView.offset, count: PAGE, q: search.value.trim() });
  if (pickerView.artist) query.set("artist", pickerView.artist.id);
  more.disabled = true;
  try {
    const { items, total } = await callApi(`/api/${pickerView.artist ? "styles" : "contents"}?${query}`);
    if (turn !== pickerView.turn) return;
    pickerView.offset += items.length;
    tiles.append(...items.map(itemTile));
    more.hidden = items.length === 0 || pickerView.offset >= total;
    setStatus(total ? "" : "Nothing of this name.");
  } catch (fault) {
    if (turn === pickerView.turn) setStatus("", fault.message);
  } finally {
    more.disabled = false;
  }
}

function itemTile(item) {
  const note = item.width ? `${item.width} × ${item.height}` : "";
  return tile(item.thumbnail, [nameElement(item.name)], note, () => pick({ ...item, image: item.thumbnail, source: { id: item.id } }));
}

function tile(thumbnail, name, note, onChoose) {
  const image = element("img", { src: thumbnail, alt: "", loading: "lazy" });
  const button = element("button", { type: "button" }, image, element("span", {}, ...name), element("small", { textContent: note }));
  button.addEventListener("click", onChoose);
  return element("li", {}, button);
}

let typing = 0;
search.addEventListener("input", () => {
  clearTimeout(typing);
  if (pickerView.input.kind === "style" && !pickerView.artist) return pickerView.artists && listArtists();
  typing = setTimeout(() => showItems(pickerView.artist?.name ?? "Photographs"), 250);
});
more.addEventListener("click", nextPage);
new IntersectionObserver(([seen]) => seen.isIntersecting && !more.disabled && nextPage(), {
  root: one(".items", picker),
  rootMargin: "400px",
}).observe(more);
one(".close", picker).addEventListener("click", () => picker.close());
one(".back", picker).addEventListener("click", () => {
  pickerView.artist = null;
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
