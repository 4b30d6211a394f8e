// The index of many artists: found by what is typed, put in another order.
(() => {
  const form = document.querySelector(".controls"), list = document.querySelector(".artists");
  const cards = [...list.children], found = form.querySelector(".found");
  const plain = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const year = (card) => Number(/\d{3,4}/.exec(card.dataset.facts)?.[0] ?? 9999);
  const orders = {
    name: (a, b) => a.place - b.place,
    pictures: (a, b) => b.card.dataset.pictures - a.card.dataset.pictures || a.place - b.place,
    best: (a, b) => (a.card.dataset.best ?? 9) - (b.card.dataset.best ?? 9) || a.place - b.place,
    years: (a, b) => year(a.card) - year(b.card) || a.place - b.place,
  };
  const known = cards.map((card, place) => ({ card, place, text: plain(`${card.dataset.name} ${card.dataset.facts}`) }));

  function show() {
    const words = plain(form.find.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { card, text } of known) {
      card.hidden = !words.every((word) => text.includes(word));
      shown += !card.hidden;
    }
    found.textContent = words.length ? (shown ? `${shown} of ${known.length} artists` : "No artist by that name") : "";
  }

  form.find.addEventListener("input", show);
  form.sort.addEventListener("change", () => {
    list.append(...[...known].sort(orders[form.sort.value]).map(({ card }) => card));
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  show(); // a page that was left and returned to still holds what was typed
})();
