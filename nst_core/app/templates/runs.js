// The page of runs: what the server tells of each is shown as it comes; its forms are sent without leaving the page.

const one = (selector, root = document) => root.querySelector(selector);
const runs = one("#runs");
const news = one("#news");
const pageFault = one("#page-fault");
const EVERY = { busy: 2000, idle: 5000 }; // milliseconds between two looks
let timer = 0;
let looks = 0; // an answer that was asked for before something was done is of before

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function fillList(list, items, make) {
  const key = JSON.stringify(items);
  if (list.dataset.key === key) return; // what is made anew loses the focus
  list.dataset.key = key;
  list.replaceChildren(...items.map(make));
}

function reasonItem(reason) {
  return Object.assign(document.createElement("li"), { textContent: reason });
}

function pictureItem({ image, caption }) {
  const link = Object.assign(document.createElement("a"), { href: `${image}?full=1` });
  link.append(Object.assign(document.createElement("img"), { src: image, alt: caption, loading: "lazy" }));
  const item = document.createElement("li");
  item.append(link);
  return item;
}

const cardOf = (id) => [...runs.children].find((card) => card.dataset.id === id);

function newCard(run) {
  const card = one("#card").content.firstElementChild.cloneNode(true);
  const address = encodeURIComponent(run.id);
  card.dataset.id = run.id;
  card.id = `run-${address}`;
  const heading = one("h2", card);
  heading.id = `name-${address}`;
  card.setAttribute("aria-labelledby", heading.id);
  one("progress", card).setAttribute("aria-labelledby", heading.id);
  card.querySelectorAll("button").forEach((button) => button.setAttribute("aria-describedby", heading.id));
  card.querySelectorAll("form").forEach((form) => (form.action = form.getAttribute("action").replace("/runs/0/", `/runs/${address}/`)));
  return card;
}

function show(run) {
  const known = cardOf(run.id);
  const card = known ?? newCard(run);
  if (!known) runs.prepend(card);
  if (known && card.dataset.state !== run.state) setText(news, `${run.name}: ${run.state_text}. ${run.counts_text}`);
  card.dataset.state = run.state;
  setText(one("bdi", card), run.name);
  setText(one(".state", card), run.state_text);
  const bar = one("progress", card);
  bar.hidden = !run.planned;
  bar.max = run.planned || 1;
  bar.value = run.done;
  setText(one(".counted", card), run.counts_text);
  setText(one(".pace", card), run.pace_text);
  if (!card.dataset.refused) setText(one(".fault", card), run.fault ?? "");
  fillList(one(".reasons", card), run.reasons, reasonItem);
  fillList(one(".pictures", card), run.pictures, pictureItem);
  const focused = card.contains(document.activeElement);
  const shown = { pause: run.can_pause, end: run.can_end, resume: run.can_resume };
  for (const [name, is] of Object.entries(shown)) one(`[data-action="${name}"]`, card).hidden = !is;
  setText(one('[data-action="resume"] button', card), run.resume_text);
  one("details", card).hidden = run.printed.length === 0;
  setText(one("pre", card), run.printed.join("\n"));
  if (focused && !document.activeElement?.offsetParent) one("h2", card).focus({ preventScroll: true }); // its button is gone
  one(".none").hidden = true;
  return card;
}

async function look() {
  clearTimeout(timer);
  const mine = ++looks;
  let busy = false;
  try {
    const { items } = await callApi(`/api/runs?offset=${offset}`);
    if (mine !== looks) return;
    items.toReversed().forEach(show);
    const ids = new Set(items.map((run) => run.id));
    [...runs.children].filter((card) => !ids.has(card.dataset.id)).forEach((card) => card.remove());
    busy = items.some((run) => run.at_work?.length || ["starting", "running", "pausing", "ending"].includes(run.state));
    const working = items.filter((run) => run.state === "running").length;
    document.title = working ? `${working} at work · Runs` : "Runs";
    if (pageFault.dataset.lost) setText(pageFault, "");
    delete pageFault.dataset.lost;
  } catch (fault) {
    if (mine !== looks) return;
    pageFault.dataset.lost = "true";
    setText(pageFault, fault.status ? fault.message : "The server does not answer. Trying again until it does.");
  }
  timer = setTimeout(look, busy ? EVERY.busy : EVERY.idle);
}

// Sends a form; the sentence of a refusal stands beside it.
async function send(form, faultNode) {
  const button = one("button", form);
  button.disabled = true;
  looks += 1;
  setText(faultNode, "");
  try {
    const address = new URL(form.action);
    const target = address.pathname.replace(/^\/runs\/?/, "/api/runs/").replace(/\/$/, "") + address.search;
    return await callApi(target, { method: "POST", form: new FormData(form) });
  } catch (fault) {
    setText(faultNode, fault.message);
    return null;
  } finally {
    button.disabled = false;
    if (document.activeElement === document.body && form.offsetParent) button.focus({ preventScroll: true });
  }
}

async function act(form) {
  const card = form.closest(".run");
  const run = await send(form, one(".fault", card));
  if (run) delete card.dataset.refused;
  else card.dataset.refused = "true"; // until something else is done
  if (run) {
    const focused = document.activeElement === document.body || card.contains(document.activeElement);
    show(run);
    if (focused && !document.activeElement?.offsetParent) one("h2", card).focus({ preventScroll: true });
  }
  look();
}

async function start(form) {
  const run = await send(form, one(".fault", form));
  if (!run) return look();
  form.reset();
  setText(pageFault, "");
  const card = show(run);
  one("h2", card).focus();
  setText(news, `${run.name}: ${run.state_text}.`);
  look();
}

document.addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.target.closest(".run")) act(event.target);
  else start(event.target);
});
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && look());
timer = setTimeout(look, EVERY.busy);
