// The page of a sweep: the number under each picture, pictures in another order, the table of variants sorted.
nst.sweep = JSON.parse(document.getElementById("sweep").textContent);
{
  const { columns, variants, pairs } = nst.sweep, form = document.querySelector(".controls");
  const figures = new Map([...document.querySelectorAll(".cell")].map((cell) => [cell.dataset.picture, cell]));
  const homes = new Map([...figures.values()].map((cell) => [cell, cell.parentElement]));
  const said = (value) => {
    if (value === undefined) return "";
    if (value === 0 || (Math.abs(value) >= 1e-3 && Math.abs(value) < 1e5)) return Number(value.toPrecision(3)).toLocaleString("en", { maximumFractionDigits: 6 });
    return value.toExponential(2);
  };
  const sign = (name) => (columns[name].better === "more" ? -1 : 1);

  // Places of a pair's pictures, the best first; those without the number last.
  const ranked = (pictures, name) =>
    pictures
      .map((picture, place) => ({ place, value: picture.numbers[name] }))
      .sort((a, b) => (a.value === undefined) - (b.value === undefined) || sign(name) * (a.value - b.value) || a.place - b.place)
      .map(({ place }) => place);

  // The places of a pair's variants in the order in which they stand on the page; and of those that have a picture.
  nst.every = (pair) => {
    const name = form.elements.order.value, { pictures } = pairs[pair];
    if (name) return ranked(pictures, name);
    const place = new Map(pictures.map(({ id }, at) => [id, at]));
    return [...document.querySelectorAll(`#pair-${pair + 1} .cell`)].map((cell) => place.get(cell.dataset.picture));
  };
  nst.order = (pair) => nst.every(pair).filter((place) => pairs[pair].pictures[place].file);
  nst.figure = (id) => figures.get(id);

  function label() {
    const name = form.elements.number.value;
    for (const { pictures } of pairs) {
      const known = pictures.map(({ numbers }) => numbers[name]).filter((value) => value !== undefined);
      const best = columns[name]?.better && new Set(known).size > 1 ? (sign(name) < 0 ? Math.max(...known) : Math.min(...known)) : null;
      for (const { id, numbers } of pictures) {
        const cell = figures.get(id), isBest = best !== null && numbers[name] === best;
        cell.classList.toggle("best", isBest);
        cell.querySelector(".number").textContent = said(numbers[name]) + (isBest ? " · best" : "");
      }
    }
  }

  function arrange() {
    const name = form.elements.order.value;
    pairs.forEach(({ pictures }, pair) => {
      const section = document.getElementById(`pair-${pair + 1}`), list = section.querySelector(".ranked");
      for (const place of name ? ranked(pictures, name) : pictures.keys()) {
        const cell = figures.get(pictures[place].id), setting = cell.querySelector(".setting");
        setting.textContent = variants[place].label;
        setting.hidden = !name;
        if (name) list.append(Object.assign(document.createElement("li"), { className: "of-rank" })), list.lastChild.append(cell);
        else homes.get(cell).append(cell);
      }
      for (const item of list.querySelectorAll(".of-rank:empty")) item.remove();
      list.hidden = !name;
      section.querySelector(".grids").hidden = Boolean(name);
    });
  }

  form.addEventListener("change", ({ target }) => {
    if (target.name === "order") {
      if (target.value) form.elements.number.value = target.value;
      arrange();
    }
    label();
  });
  form.addEventListener("submit", (event) => event.preventDefault());

  // The table: a click on a heading sorts by it, a second one turns the order round.
  const table = document.querySelector(".variants"), body = table.tBodies[0];
  const rows = [...body.rows], keys = Object.keys(columns);
  const median = (place, name) => {
    const known = pairs.map(({ pictures }) => pictures[place].numbers[name]).filter((value) => value !== undefined).sort((a, b) => a - b);
    const half = known.length >> 1;
    return known.length ? (known.length % 2 ? known[half] : (known[half - 1] + known[half]) / 2) : undefined;
  };
  table.tHead.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    const head = button.parentElement, { axis, column } = button.dataset;
    const first = column && sign(column) < 0 ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const each of table.tHead.querySelectorAll("th")) each.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", order);
    const turn = order === "ascending" ? 1 : -1;
    const value = (row) => (column ? median(Number(row.dataset.variant), column) : nst.sweep.places[row.dataset.variant][axis]);
    const sorted = [...rows].sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      return (x === undefined) - (y === undefined) || turn * (x - y) || 0;
    });
    body.append(...sorted);
  });
  for (const button of table.tHead.querySelectorAll("button")) button.disabled = false;
  form.hidden = !keys.length;
  if (keys.length) label();
}
