// The page as a whole: starting, choosing among one's pictures, cancelling, going on after a reload.

const jobs = new Map(); // this person's, by id
const bench = one("#bench");
const start = one("#start");
const earlier = one("#earlier");
const follower = new Follower(heard, complainOnStage, forgotten);

function heard(job) {
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  if (job.id === selected()) showJob(job);
  if (before?.state !== job.state || job.state === "running") listEarlier();
  document.title = title(jobs.get(selected()));
}

function title(job) {
  if (job?.state === "running" && job.total) return `${Math.round((100 * job.evaluations) / job.total)} % · Try a style`;
  return job?.state === "done" ? "Done · Try a style" : "Try a style";
}

function forgotten() {
  jobs.delete(selected());
  one(".cancel", stage).hidden = true;
  setText(one(".telling", stage), "");
  complainOnStage("The server was started anew and no longer knows this picture. What was finished is in the gallery.");
  listEarlier();
}

// The address names the job on the stage, so that a reload comes back to it.
const selected = () => location.hash.replace(/^#job-/, "");

function select(job) {
  history.replaceState(null, "", `#job-${job.id}`);
  complainOnStage("");
  heard(job);
  listEarlier();
  if (FINAL.includes(job.state)) follower.stop();
  else follower.follow(job.id);
}

function markStart() {
  start.classList.toggle("ready", Boolean(wells.content.given && wells.style.given));
  one("#start-fault").textContent = "";
}

function missing() {
  for (const [well, what] of [[wells.content, "photograph"], [wells.style, "painting"]]) {
    if (well.given) continue;
    if (!one(".fault", well.root).textContent) well.complain(`Choose a ${what} first.`);
    else well.frame.focus();
    return true;
  }
  return false;
}

async function stylize() {
  start.disabled = true;
  one("#start-fault").textContent = "";
  try {
    await Promise.all([wells.content.coming, wells.style.coming]); // uploads on their way
    if (missing()) return;
    const asked = { content: wells.content.given, style: wells.style.given, ...settings() };
    select(await ask("/api/jobs", { method: "POST", json: asked }));
    bringStage();
  } catch (fault) {
    one("#start-fault").textContent = fault.message;
  } finally {
    start.disabled = false;
    if (document.activeElement === document.body) start.focus({ preventScroll: true });
  }
}

async function cancel() {
  const id = selected();
  try {
    heard(await ask(jobAddress(id), { method: "DELETE" }));
  } catch (fault) {
    if (fault.status !== 409) complainOnStage(fault.message); // 409: it was done a moment before
  }
}

// On a phone the stage is below the settings.
function bringStage() {
  const { top, bottom } = stage.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) stage.scrollIntoView({ block: "start", behavior: "smooth" });
}

// The wells and settings of a job again; the focus goes where the change is likely to be made.
function again() {
  const job = jobs.get(selected());
  for (const kind of ["content", "style"]) {
    const { source, ...picture } = job[kind];
    wells[kind].choose({ ...picture, given: source });
  }
  setSettings(job);
  bench.scrollIntoView({ block: "nearest" });
  strength.focus();
}

function listEarlier() {
  const all = [...jobs.values()].sort((a, b) => (a.created < b.created ? 1 : -1));
  earlier.hidden = all.length === 0;
  const list = one("ol", earlier);
  const old = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = all.map((job) => earlierItem(job, old.get(job.id)));
  const same = items.length === list.children.length && items.every((item, at) => item === list.children[at]);
  if (!same) list.replaceChildren(...items); // what is moved loses the focus
}

function earlierItem(job, item = newItem(job.id)) {
  const image = one("img", item);
  const picture = job.result ?? job.content.image;
  if (image.getAttribute("src") !== picture) image.src = picture;
  const state = { queued: "waiting", running: "forming", failed: "failed", cancelled: "cancelled" }[job.state] ?? "";
  one("span", item).textContent = state;
  const button = one("button", item);
  button.dataset.state = job.state;
  button.setAttribute("aria-current", String(job.id === selected()));
  button.setAttribute("aria-label", `${job.content.name} in the manner of ${job.style.name}${state && `, ${state}`}`);
  return item;
}

function newItem(id) {
  const button = make("button", { type: "button" }, make("img", { alt: "", loading: "lazy" }), make("span"));
  button.addEventListener("click", () => {
    select(jobs.get(id));
    bringStage();
  });
  const item = make("li", {}, button);
  item.dataset.id = id;
  return item;
}

// Those that are not on the stage go on, too.
async function lookAtOthers() {
  const waiting = [...jobs.values()].some((job) => job.id !== selected() && !FINAL.includes(job.state));
  if (!waiting) return;
  const { items } = await ask("/api/jobs");
  items.filter((job) => job.id !== selected()).forEach(heard);
}

async function begin() {
  fillStrip(wells.content, "/api/contents?count=12");
  fillStrip(wells.style, "/api/styles?count=12");
  const { items } = await ask("/api/jobs");
  items.forEach((job) => jobs.set(job.id, job));
  listEarlier();
  const job = jobs.get(selected()) ?? items.find((each) => !FINAL.includes(each.state));
  if (job) select(job);
}

bench.addEventListener("submit", (event) => {
  event.preventDefault();
  stylize();
});
one(".cancel", stage).addEventListener("click", cancel);
one(".again", stage).addEventListener("click", again);
setInterval(() => lookAtOthers().catch(() => {}), 3000); // no answer: the next time, perhaps
begin().catch((fault) => (one("#start-fault").textContent = fault.message));
