// The two wells: a picture of one's own (chosen, dropped, pasted) or one of the collection.

class Well {
  // `given` is what a job asks for: {upload}, {id} or {artist}; null while the well is empty.
  constructor(root) {
    this.root = root;
    this.kind = root.id;
    this.given = null;
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
    this.sayWhatIsTaken();
    this.listenToDrops();
    this.offerPaste();
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
  }

  choose(choice) {
    this.begin();
    this.show(choice);
  }

  // choice: {name, image, width, height, given}; an artist has no size, and any of the paintings may come.
  show(choice) {
    this.complain("");
    this.given = choice.given;
    const image = one("img", this.frame);
    Object.assign(image, { src: choice.image, hidden: false });
    one(".empty", this.frame).hidden = true;
    one(".remove", this.root).hidden = false;
    const title = one("h2", this.root).textContent;
    const name = choice.given.artist ? `any painting by ${choice.name}` : choice.name;
    this.frame.setAttribute("aria-label", `${title}: ${name}. Choose another file.`);
    const says = choice.given.artist ? ["Any painting by ", named(choice.name)] : [named(choice.name)];
    if (choice.width) says.push(make("span", { textContent: ` ${choice.width} × ${choice.height}` }));
    one(".chosen", this.root).replaceChildren(...says);
    markStart();
  }

  remove() {
    const { given } = this;
    this.begin();
    this.given = null;
    one("img", this.frame).hidden = true;
    one(".empty", this.frame).hidden = false;
    one(".remove", this.root).hidden = true;
    this.frame.removeAttribute("aria-label");
    this.sayWhatIsTaken();
    this.frame.focus();
    markStart();
    // One that a picture was made of stays with that picture; the server knows.
    if (given?.upload) ask(`/api/uploads/${encodeURIComponent(given.upload)}`, { method: "DELETE" }).catch(() => {});
  }

  sayWhatIsTaken() {
    const note = make("span", { textContent: `Pictures up to ${megabytes(options.limits.upload_bytes)}` });
    one(".chosen", this.root).replaceChildren(note);
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
