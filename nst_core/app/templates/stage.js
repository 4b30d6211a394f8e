// The stage: one job, from the queue to the compare slider.

const FINAL = ["done", "failed", "cancelled"];
const stage = one("#stage");
const forming = one(".forming", stage);
const finished = one(".finished", stage);
const FADE = 500; // milliseconds, as in stage.css

// What the stage shows: the job's id, the preview that is visible, the one that is being loaded, and what was said last.
const onStage = { id: null, visible: null, loading: null, news: "" };

function showJob(job) {
  const fresh = job.id !== onStage.id;
  if (fresh) freshStage(job);
  stage.dataset.state = job.state;
  one(".invitation", stage).hidden = true;
  const focused = document.activeElement;
  showPictures(job, fresh);
  showCourse(job);
  showActs(job);
  say(job);
  complainOnStage(job.error ?? "");
  if (stage.contains(focused) && !focused.checkVisibility()) stage.focus({ preventScroll: true }); // its button is gone
}

function freshStage(job) {
  Object.assign(onStage, { id: job.id, visible: null, loading: null });
  forming.replaceChildren(make("img", { className: "ground", src: job.content.image, alt: "" }));
  finished.hidden = true;
  const { width, height } = job.content.width ? job.content : { width: 4, height: 3 }; // its file cannot be read
  for (const picture of [forming, finished]) {
    const scale = Math.min(job.size, Math.max(width, height)) / Math.max(width, height);
    picture.style.setProperty("--ratio", width / height);
    picture.style.setProperty("--widest", `${Math.max(240, 3 * width * scale)}px`); // larger would be a blur
  }
  const by = job.style.artist ? [", ", named(job.style.artist)] : [];
  one(".caption", stage).replaceChildren(named(job.content.name), " in the manner of ", named(job.style.name), ...by);
}

// What is seen may change all the time; what is said aloud only when the state or the place in the queue does.
function say(job) {
  const seen = ["queued", "cancelled"].includes(job.state) ? telling(job) : "";
  setText(one(".telling", stage), seen);
  const news = `${job.id} ${job.state} ${job.position}`;
  if (news !== onStage.news) setText(one("[role=status]", stage), telling(job));
  onStage.news = news;
}

function complainOnStage(sentence) {
  setText(one(".below > .fault", stage), sentence);
}

function setText(element, words) {
  if (element.textContent !== words) element.textContent = words; // else an alert would be said again
}

function showPictures(job, fresh) {
  const done = job.state === "done";
  if (!done) forming.hidden = false;
  if (!done && job.preview) crossFade(job.preview);
  if (done && finished.hidden) finish(job, fresh);
}

// Each preview fades in over the one before. While one is loaded, all but the newest of those that come are left out.
async function crossFade(address) {
  if (address === onStage.visible) return;
  const busy = onStage.loading !== null;
  onStage.loading = address;
  if (busy) return;
  const { id } = onStage;
  const image = make("img", { alt: "The picture as it forms", src: address });
  await image.decode().catch(() => {});
  const { loading } = onStage;
  if (id !== onStage.id) return;
  onStage.loading = null;
  if (image.naturalWidth) fadeIn(image, address);
  if (loading !== address) crossFade(loading);
}

function fadeIn(image, address) {
  onStage.visible = address;
  const older = [...forming.children];
  forming.append(image);
  setTimeout(() => older.forEach((each) => each.remove()), FADE);
}

// The seam comes in from the side once the result is there; a picture made earlier stands at once.
async function finish(job, fresh) {
  const [after, before] = finished.querySelectorAll("img");
  const range = one("input", finished);
  Object.assign(after, { src: job.result, alt: `${job.content.name} in the manner of ${job.style.name}` });
  Object.assign(before, { src: job.content.image, alt: `The photograph ${job.content.name}` });
  await Promise.allSettled([after.decode(), before.decode()]);
  if (job.id !== onStage.id) return;
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

function showCourse(job) {
  one(".course", stage).hidden = job.trace.length === 0 && job.state !== "running";
  const bar = one(".course progress", stage);
  bar.hidden = job.state !== "running";
  Object.assign(bar, { max: Math.max(1, job.total), value: job.evaluations });
  const left = job.state === "running" && job.seconds_left !== null ? [`${about(job.seconds_left)} left`] : [];
  const facts = [recipeTitle(job.recipe), `${job.size} px`, strengthWord(job.strength)];
  const words = job.state === "running" ? [evaluated(job), ...left] : [...facts, `${job.evaluations} evaluations`];
  one(".course .counts", stage).replaceChildren(...words.map((word) => make("span", { textContent: word })));
  drawCurve(job);
}

const recipeTitle = (name) => options.recipes.find((each) => each.name === name)?.title ?? name;

// The loss over all evaluations asked for, on a logarithmic scale: the line grows as the picture does.
function drawCurve(job) {
  const points = job.trace.filter(([, loss]) => loss > 0);
  one("figure", stage).hidden = points.length < 2;
  if (points.length < 2) return;
  const logs = points.map(([, loss]) => Math.log(loss));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const span = high - low || 1;
  const across = (evaluation) => (100 * evaluation) / Math.max(1, job.total);
  const path = points.map(([evaluation], at) => `${across(evaluation).toFixed(2)},${(4 + (92 * (high - logs[at])) / span).toFixed(2)}`);
  one(".curve path", stage).setAttribute("d", `M${path.join("L")}`);
  const [first, last] = [points[0][1], points.at(-1)[1]];
  one(".curve", stage).setAttribute("aria-label", `Loss, from ${short(first)} down to ${short(last)}`);
  one("figcaption", stage).textContent = `loss ${short(first)} → ${short(last)}`;
}

function showActs(job) {
  const done = job.state === "done";
  one(".cancel", stage).hidden = FINAL.includes(job.state);
  one(".again", stage).hidden = !FINAL.includes(job.state);
  showLink(one(".download", stage), done && job.result ? `${job.result}?download=1` : null);
  showLink(one(".open", stage), done ? job.gallery : null);
}

function showLink(link, address) {
  link.hidden = !address;
  if (address) link.href = address;
}
