// The two wells: a picture of one's own (chosen, dropped, pasted) or one of the collection.

class Well {
  // `choice` is {name, image, width, height, given}, where `given` is what a job asks for: {upload}, {id} or {artist} (which
  // has no size: any of the paintings may come). It is null while the well is empty.
  constructor(root) {
    this.root = root;
    this.kind = root.id;
    this.choice = null;
    this.coming = Promise.resolve();
    this.stop = new AbortController();
    this.frame = one(".frame", root);
    this.input = one("input[type=file]", root);
    this.frame.addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => {
      if (this.input.files.length) this.take(this.input.files[0]);
      this.input.value = ""; // the same file again is a choice, too
    });
    one(".collection", root).addEventListener("click", () => openPicker(this));
    one(".remove", root).addEventListener("click", () => this.remove());
    this.caption();
    this.listenToDrops();
    this.offerPaste();
  }

  get given() {
    return this.choice?.given ?? null;
  }

  take(file) {
    const fault = objection(file);
    if (fault) return this.complain(fault);
    this.begin();
    this.coming = this.send(file, this.stop.signal);
  }

  async send(file, signal) {
    const bar = one("progress", this.frame);
    this.root.classList.add("busy");
    bar.hidden = false;
    one(".chosen", this.root).replaceChildren("Uploading ", named(file.name));
    try {
      const made = await upload(file, (share) => (bar.value = share), signal);
      if (!signal.aborted) this.show({ ...made, image: made.thumbnail, given: { upload: made.id } });
    } catch (fault) {
      if (!signal.aborted) this.complain(fault.message);
    } finally {
      if (!signal.aborted) this.rest();
    }
  }

  // An earlier upload that is still on its way is no longer wanted.
  begin() {
    this.stop.abort();
    this.stop = new AbortController();
    this.complain("");
    this.rest();
  }

  rest() {
    this.root.classList.remove("busy");
    Object.assign(one("progress", this.frame), { hidden: true, value: 0 });
    this.caption();
  }

  choose(choice) {
    this.begin();
    this.show(choice);
  }

  show(choice) {
    this.complain("");
    this.choice = choice;
    const image = one("img", this.frame);
    if (choice) image.src = choice.image;
    image.hidden = one(".remove", this.root).hidden = !choice;
    one(".empty", this.frame).hidden = Boolean(choice);
    this.caption();
    markStart();
  }

  caption() {
    const line = one(".chosen", this.root);
    line.title = "";
    if (!this.choice) {
      this.frame.removeAttribute("aria-label");
      return line.replaceChildren(soft(`Pictures up to ${megabytes(options.limits.upload_bytes)}`));
    }
    const { name, width, height, given } = this.choice;
    line.replaceChildren(given.artist ? "Any painting by " : "", named(name), width ? soft(` ${width} × ${height}`) : "");
    line.title = line.textContent; // it may be too long to be seen
    this.frame.setAttribute("aria-label", `${one("h2", this.root).textContent}: ${line.textContent}. Choose another file.`);
  }

  remove() {
    const { given } = this;
    this.begin();
    this.show(null);
    this.frame.focus();
    // One that a picture was made of stays with that picture; the server knows.
    if (given?.upload) ask(`/api/uploads/${encodeURIComponent(given.upload)}`, { method: "DELETE" }).catch(() => {});
  }

  complain(sentence) {
    one(".fault", this.root).textContent = sentence;
    if (sentence && !document.querySelector("dialog[open]")) this.frame.focus({ preventScroll: true });
  }

  listenToDrops() {
    this.root.addEventListener("dragover", () => this.root.classList.add("over"));
    this.root.addEventListener("dragleave", () => this.root.classList.remove("over"));
    this.root.addEventListener("drop", (event) => {
      this.root.classList.remove("over");
      this.takeFrom(event.dataTransfer);
    });
  }

  takeFrom(transfer) {
    if (transfer.files.length) this.take(transfer.files[0]);
    else this.complain("That was not a file: save the picture first, then drop it here.");
  }

  offerPaste() {
    const button = one(".paste", this.root);
    button.hidden = !navigator.clipboard?.read; // only where the page is served securely
    button.addEventListener("click", async () => {
      try {
        const blob = await pictureOnClipboard();
        if (blob) this.take(new File([blob], "pasted.png", { type: blob.type }));
        else this.complain("There is no picture on the clipboard: copy one first.");
      } catch {
        this.complain("The browser did not allow a look at the clipboard: allow it, or press Ctrl+V.");
      }
    });
  }
}

const soft = (words) => make("span", { textContent: words });

async function pictureOnClipboard() {
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((name) => name.startsWith("image/"));
    if (type) return item.getType(type);
  }
  return null;
}

const wells = { content: new Well(one("#content")), style: new Well(one("#style")) };

// Where a picture goes that was pasted or dropped beside the wells: where the focus is, else where something is missing.
function likelyWell() {
  const all = Object.values(wells);
  return all.find((well) => well.root.contains(document.activeElement)) ?? all.find((well) => !well.given) ?? wells.content;
}

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  if (file) likelyWell().take(file);
});

// A file dropped beside the wells must not make the browser leave the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!event.target.closest(".well") && event.dataTransfer.files.length) likelyWell().takeFrom(event.dataTransfer);
});

// A few pictures of the collection right below each well.
async function fillStrip(well, address) {
  const strip = one(".strip", well.root);
  try {
    const { items, total } = await ask(address);
    strip.replaceChildren(...items.map((item) => stripItem(well, item)));
    strip.hidden = items.length === 0;
    one(".collection", well.root).hidden = total === 0;
  } catch {
    strip.hidden = true; // the button says what is wrong when it is used
  }
}

function stripItem(well, item) {
  const image = make("img", { src: item.thumbnail, alt: "", loading: "lazy" });
  const button = make("button", { type: "button", title: item.name }, image);
  button.setAttribute("aria-label", item.name);
  button.addEventListener("click", () => well.choose({ ...item, image: item.thumbnail, given: { id: item.id } }));
  return make("li", {}, button);
}
