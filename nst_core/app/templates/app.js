// The page as a whole: start, the list of jobs, cancel, reload.

const jobs = new Map(); // this person's, by id
const form = one("#job-form");
const start = one("#start");
const earlier = one("#earlier");
const follower = new JobFollower(updateJob, showFault, loseJob);

function updateJob(job) {
  const before = jobs.get(job.id);
  jobs.set(job.id, job);
  if (job.id === selected()) showJob(job);
  if (before?.state !== job.state || job.state === "running") listJobs();
  document.title = title(jobs.get(selected()));
}

function title(job) {
  if (job?.state === "running" && job.total) return `${Math.round((100 * job.evaluations) / job.total)} % · Try a style`;
  return job?.state === "done" ? "Done · Try a style" : "Try a style";
}

function loseJob() {
  jobs.delete(selected());
  one(".cancel", panel).hidden = true;
  setText(one(".message", panel), "");
  showFault("The server was started anew and no longer knows this picture. What was finished is in the gallery.");
  listJobs();
}

// The URL names the job that is shown, so that a reload comes back to it.
const selected = () => location.hash.replace(/^#job-/, "");

function select(job) {
  history.replaceState(null, "", `#job-${job.id}`);
  showFault("");
  updateJob(job);
  listJobs();
  if (FINAL.includes(job.state)) follower.stop();
  else follower.follow(job.id);
}

function updateStart() {
  start.classList.toggle("ready", Boolean(inputs.content.source && inputs.style.source));
  one("#start-fault").textContent = "";
}

function focusMissingInput() {
  for (const [input, what] of [[inputs.content, "photograph"], [inputs.style, "painting"]]) {
    if (input.source) continue;
    if (!one(".fault", input.root).textContent) input.setFault(`Choose a ${what} first.`);
    else input.frame.focus();
    return true;
  }
  return false;
}

async function stylize() {
  start.disabled = true;
  one("#start-fault").textContent = "";
  try {
    await Promise.all([inputs.content.pending, inputs.style.pending]); // uploads on their way
    if (focusMissingInput()) return;
    const request = { content: inputs.content.source, style: inputs.style.source, ...settings() };
    select(await callApi("/api/jobs", { method: "POST", json: request }));
    scrollToResult();
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
    updateJob(await callApi(jobAddress(id), { method: "DELETE" }));
  } catch (fault) {
    if (fault.status !== 409) showFault(fault.message); // 409: it was done a moment before
  }
}

// On a phone the result is below the settings.
function scrollToResult() {
  const { top, bottom } = panel.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) panel.scrollIntoView({ block: "start", behavior: "smooth" });
}

// Fills inputs and settings from a job; the focus goes where the change is likely to be made.
function reuseJob() {
  const job = jobs.get(selected());
  for (const kind of ["content", "style"]) {
    inputs[kind].choose(job[kind]);
  }
  setSettings(job);
  form.scrollIntoView({ block: "nearest" });
  strength.focus();
}

function listJobs() {
  const all = [...jobs.values()].sort((a, b) => (a.created < b.created ? 1 : -1));
  earlier.hidden = all.length === 0;
  const list = one("ol", earlier);
  const old = new Map([...list.children].map((item) => [item.dataset.id, item]));
  const items = all.map((job) => jobItem(job, old.get(job.id)));
  const same = items.length === list.children.length && items.every((item, at) => item === list.children[at]);
  if (!same) list.replaceChildren(...items); // what is moved loses the focus
}

function jobItem(job, item = newJobItem(job.id)) {
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

function newJobItem(id) {
  const button = element("button", { type: "button" }, element("img", { alt: "", loading: "lazy" }), element("span"));
  button.addEventListener("click", () => {
    select(jobs.get(id));
    scrollToResult();
  });
  const item = element("li", {}, button);
  item.dataset.id = id;
  return item;
}

// Jobs that are not shown go on, too.
async function pollOtherJobs() {
  const waiting = [...jobs.values()].some((job) => job.id !== selected() && !FINAL.includes(job.state));
  if (!waiting) return;
  const { items } = await callApi("/api/jobs");
  items.filter((job) => job.id !== selected()).forEach(updateJob);
}

async function initialise() {
  fillStrip(inputs.content, "/api/contents?count=12");
  fillStrip(inputs.style, "/api/styles?count=12");
  const { items } = await callApi("/api/jobs");
  items.forEach((job) => jobs.set(job.id, job));
  listJobs();
  const job = jobs.get(selected()) ?? items.find((each) => !FINAL.includes(each.state));
  if (job) select(job);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  stylize();
});
one(".cancel", panel).addEventListener("click", cancel);
one(".again", panel).addEventListener("click", reuseJob);
setInterval(() => pollOtherJobs().catch(() => {}), 3000); // no answer: the next time, perhaps
initialise().catch((fault) => (one("#start-fault").textContent = fault.message));
