// The result panel: one job, from the queue to the compare slider.

const FINAL = ["done", "failed", "cancelled"];
const panel = one("#result");
const forming = one(".forming", panel);
const finished = one(".finished", panel);
const FADE = 500; // milliseconds, as in result.css

// What is shown: the job's id, the visible preview, the one being loaded, and what was announced last.
const resultView = { id: null, visible: null, loading: null, announced: "" };

function showJob(job) {
  const fresh = job.id !== resultView.id;
  if (fresh) resetResult(job);
  panel.dataset.state = job.state;
  one(".invitation", panel).hidden = true;
  const focused = document.activeElement;
  showPictures(job, fresh);
  showProgress(job);
  showActions(job);
  announce(job);
  showFault(job.error ?? "");
  if (panel.contains(focused) && !focused.checkVisibility()) panel.focus({ preventScroll: true }); // its button is gone
}

function resetResult(job) {
  Object.assign(resultView, { id: job.id, visible: null, loading: null });
  forming.replaceChildren(element("img", { className: "ground", src: job.content.image, alt: "" }));
  finished.hidden = true;
  const { width, height } = job.content.width ? job.content : { width: 4, height: 3 }; // its file cannot be read
  for (const picture of [forming, finished]) {
    const scale = Math.min(job.size, Math.max(width, height)) / Math.max(width, height);
    picture.style.setProperty("--ratio", width / height);
    picture.style.setProperty("--widest", `${Math.max(240, 3 * width * scale)}px`); // larger would be a blur
  }
  const by = job.style.artist ? [", ", nameElement(job.style.artist)] : [];
  one(".caption", panel).replaceChildren(nameElement(job.content.name), " in the manner of ", nameElement(job.style.name), ...by);
}

// What is seen may change all the time; what is said aloud only when the state or the place in the queue does.
function announce(job) {
  const seen = ["queued", "cancelled"].includes(job.state) ? stateText(job) : "";
  setText(one(".message", panel), seen);
  const announced = `${job.id} ${job.state} ${job.position}`;
  if (announced !== resultView.announced) setText(one("[role=status]", panel), stateText(job));
  resultView.announced = announced;
}

function showFault(sentence) {
  setText(one(".below > .fault", panel), sentence);
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words; // else an alert would be said again
}

function showPictures(job, fresh) {
  const done = job.state === "done";
  if (!done) forming.hidden = false;
  if (!done && job.preview) crossFade(job.preview);
  if (done && finished.hidden) showFinished(job, fresh);
}

// Each preview fades in over the one before. While one is loaded, all but the newest of those that come are left out.
async function crossFade(address) {
  if (address === resultView.visible) return;
  const busy = resultView.loading !== null;
  resultView.loading = address;
  if (busy) return;
  const { id } = resultView;
  const image = element("img", { alt: "The picture as it forms", src: address });
  await image.decode().catch(() => {});
  const { loading } = resultView;
  if (id !== resultView.id) return;
  resultView.loading = null;
  if (image.naturalWidth) fadeIn(image, address);
  if (loading !== address) crossFade(loading);
}

function fadeIn(image, address) {
  resultView.visible = address;
  const older = [...forming.children];
  forming.append(image);
  setTimeout(() => older.forEach((each) => each.remove()), FADE);
}

// The seam comes in from the side once the result is there; a picture made earlier stands at once.
async function showFinished(job, fresh) {
  const [after, before] = finished.querySelectorAll("img");
  const range = one("input", finished);
  Object.assign(after, { src: job.result, alt: `${job.content.name} in the manner of ${job.style.name}` });
  Object.assign(before, { src: job.content.image, alt: `The photograph ${job.content.name}` });
  await Promise.allSettled([after.decode(), before.decode()]);
  if (job.id !== resultView.id) return;
  finished.classList.toggle("opening", !fresh);
  moveSeam(range, fresh ? 50 : 0);
  finished.hidden = false;
  forming.hidden = true;
  if (fresh) return;
  await new Promise((resume) => setTimeout(resume, 700));
  moveSeam(range, 50);
  setTimeout(() => finished.classList.remove("opening"), 1200);
}

function moveSeam(range, value) {
  range.value = String(value);
  range.dispatchEvent(new Event("input", { bubbles: true }));
}

function showProgress(job) {
  one(".progress", panel).hidden = job.trace.length === 0 && job.state !== "running";
  const bar = one(".progress progress", panel);
  bar.hidden = job.state !== "running";
  Object.assign(bar, { max: Math.max(1, job.total), value: job.evaluations });
  const left = job.state === "running" && job.seconds_left !== null ? [`${duration(job.seconds_left)} left`] : [];
  const facts = [recipeTitle(job.recipe), `${job.size} px`, strengthWord(job.strength)];
  const words = job.state === "running" ? [evaluationsText(job), ...left] : [...facts, `${job.evaluations} evaluations`];
  one(".progress .counts", panel).replaceChildren(...words.map((word) => element("span", { textContent: word })));
  drawCurve(job);
}

const recipeTitle = (name) => options.recipes.find((each) => each.name === name)?.title ?? name;

// The loss over all evaluations asked for, on a logarithmic scale: the line grows as the picture does.
function drawCurve(job) {
  const points = job.trace.filter(([, loss]) => loss > 0);
  one("figure", panel).hidden = points.length < 2;
  if (points.length < 2) return;
  const logs = points.map(([, loss]) => Math.log(loss));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const span = high - low || 1;
  const across = (evaluation) => (100 * evaluation) / Math.max(1, job.total);
  const path = points.map(([evaluation], at) => `${across(evaluation).toFixed(2)},${(4 + (92 * (high - logs[at])) / span).toFixed(2)}`);
  one(".curve path", panel).setAttribute("d", `M${path.join("L")}`);
  const [first, last] = [points[0][1], points.at(-1)[1]];
  one(".curve", panel).setAttribute("aria-label", `Loss, from ${shortNumber(first)} down to ${shortNumber(last)}`);
  one("figcaption", panel).textContent = `loss ${shortNumber(first)} → ${shortNumber(last)}`;
}

function showActions(job) {
  const done = job.state === "done";
  one(".cancel", panel).hidden = FINAL.includes(job.state);
  one(".again", panel).hidden = !FINAL.includes(job.state);
  showLink(one(".download", panel), done && job.result ? `${job.result}?download=1` : null);
  showLink(one(".open", panel), done ? job.gallery : null);
}

function showLink(link, address) {
  link.hidden = !address;
  if (address) link.href = address;
}
