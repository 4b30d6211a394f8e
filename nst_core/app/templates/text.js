// The page's wording, and elements made of it. Names are text of unknown direction: they stand in <bdi>.

const options = JSON.parse(document.getElementById("options").textContent);
const one = (selector, root = document) => root.querySelector(selector);

function element(tag, properties = {}, ...children) {
  const created = Object.assign(document.createElement(tag), properties);
  created.append(...children);
  return created;
}

const nameElement = (name) => element("bdi", { textContent: name });

const megabytes = (bytes) => `${Number((bytes / 1e6).toPrecision(6))} MB`;

const tooLarge = (limits) => `The file is larger than ${megabytes(limits.upload_bytes)}: make it smaller first.`;

// What can be said of a file before it is sent, in the server's words; the server decides.
function fileFault(file) {
  if (file.size === 0) return `${file.name} cannot be used: it is empty.`;
  if (file.size > options.limits.upload_bytes) return tooLarge(options.limits);
  if (file.type && !options.accept.includes(file.type)) {
    const kinds = options.accept.map((type) => type.replace("image/", "").toUpperCase());
    return `${file.name} cannot be used: it is not one of ${kinds.join(", ")}.`;
  }
  return null;
}

function duration(seconds) {
  if (seconds >= 90) return `about ${Math.round(seconds / 60)} min`;
  return `about ${seconds > 20 ? Math.round(seconds / 5) * 5 : Math.max(1, Math.round(seconds))} s`;
}

function queueText(job) {
  const place = job.position === 0 ? "Yours is next" : job.position === 1 ? "1 picture before yours" : `${job.position} pictures before yours`;
  return job.wait_seconds === null ? `${place}.` : `${place}, ${duration(job.wait_seconds)}.`;
}

const evaluationsText = (job) => `${job.evaluations} of ${job.total} evaluations`;

function stateText(job) {
  if (job.state === "queued") return job.position === null ? "In the queue." : queueText(job);
  if (job.state === "running") return "The picture is forming.";
  if (job.state === "done") return "Done.";
  if (job.state === "cancelled") return job.evaluations ? `Cancelled after ${evaluationsText(job)}.` : "Cancelled before it began.";
  return "";
}

const WORDS = ["a hint", "gentle", "balanced", "strong", "all style"];

function strengthWord(value) {
  const { min, max } = options.strength;
  if (value === min) return "the photograph itself";
  return WORDS[Math.round(((value - min) / (max - min)) * (WORDS.length - 1))];
}

const shortNumber = (loss) => (loss !== 0 && (Math.abs(loss) < 1e-3 || Math.abs(loss) >= 1e5) ? loss.toExponential(1) : `${Number(loss.toPrecision(3))}`);
