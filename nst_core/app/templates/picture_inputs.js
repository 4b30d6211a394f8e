// The two picture inputs: an upload (chosen, dropped, pasted), or a picture of the collection.

class PictureInput {
  // `choice` is {name, image, width, height, source}, where `source` is what a job names: {upload}, {id} or {artist}
  // (which has no size: any of the paintings may come). It is null while the input is empty.
  constructor(root) {
    this.root = root;
    this.kind = root.id;
    this.choice = null;
    this.pending = Promise.resolve();
    this.stop = new AbortController();
    this.frame = one(".frame", root);
    this.input = one("input[type=file]", root);
    this.frame.addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => {
      if (this.input.files.length) this.upload(this.input.files[0]);
      this.input.value = ""; // the same file again is a choice, too
    });
    one(".collection", root).addEventListener("click", () => openPicker(this));
    one(".remove", root).addEventListener("click", () => this.remove());
    this.updateCaption();
    this.listenToDrops();
    this.offerPaste();
  }

  get source() {
    return this.choice?.source ?? null;
  }

  upload(file) {
    const fault = fileFault(file);
    if (fault) return this.setFault(fault);
    this.reset();
    this.pending = this.send(file, this.stop.signal);
  }

  async send(file, signal) {
    const bar = one("progress", this.frame);
    this.root.classList.add("busy");
    bar.hidden = false;
    one(".chosen", this.root).replaceChildren("Uploading ", nameElement(file.name));
    try {
      const upload = await sendFile(file, (share) => (bar.value = share), signal);
      if (!signal.aborted) this.show({ ...upload, image: upload.thumbnail, source: { upload: upload.id } });
    } catch (fault) {
      if (!signal.aborted) this.setFault(fault.message);
    } finally {
      if (!signal.aborted) this.idle();
    }
  }

  // An earlier upload that is still on its way is no longer wanted.
  reset() {
    this.stop.abort();
    this.stop = new AbortController();
    this.setFault("");
    this.idle();
  }

  idle() {
    this.root.classList.remove("busy");
    Object.assign(one("progress", this.frame), { hidden: true, value: 0 });
    this.updateCaption();
  }

  choose(choice) {
    this.reset();
    this.show(choice);
  }

  show(choice) {
    this.setFault("");
    this.choice = choice;
    const image = one("img", this.frame);
    if (choice) image.src = choice.image;
    image.hidden = one(".remove", this.root).hidden = !choice;
    one(".empty", this.frame).hidden = Boolean(choice);
    this.updateCaption();
    updateStart();
  }

  updateCaption() {
    const line = one(".chosen", this.root);
    line.title = "";
    if (!this.choice) {
      this.frame.removeAttribute("aria-label");
      return line.replaceChildren(softText(`Pictures up to ${megabytes(options.limits.upload_bytes)}`));
    }
    const { name, width, height, source } = this.choice;
    line.replaceChildren(source.artist ? "Any painting by " : "", nameElement(name), width ? softText(` ${width} × ${height}`) : "");
    line.title = line.textContent; // it may be too long to be seen
    this.frame.setAttribute("aria-label", `${one("h2", this.root).textContent}: ${line.textContent}. Choose another file.`);
  }

  remove() {
    const { source } = this;
    this.reset();
    this.show(null);
    this.frame.focus();
    // One that a picture was made of stays with that picture; the server knows.
    if (source?.upload) callApi(`/api/uploads/${encodeURIComponent(source.upload)}`, { method: "DELETE" }).catch(() => {});
  }

  setFault(sentence) {
    one(".fault", this.root).textContent = sentence;
    if (sentence && !document.querySelector("dialog[open]")) this.frame.focus({ preventScroll: true });
  }

  listenToDrops() {
    this.root.addEventListener("dragover", () => this.root.classList.add("over"));
    this.root.addEventListener("dragleave", () => this.root.classList.remove("over"));
    this.root.addEventListener("drop", (event) => {
      this.root.classList.remove("over");
      this.uploadFrom(event.dataTransfer);
    });
  }

  uploadFrom(transfer) {
    if (transfer.files.length) this.upload(transfer.files[0]);
    else this.setFault("That was not a file: save the picture first, then drop it here.");
  }

  offerPaste() {
    const button = one(".paste", this.root);
    button.hidden = !navigator.clipboard?.read; // only where the page is served securely
    button.addEventListener("click", async () => {
      try {
        const blob = await pictureOnClipboard();
        if (blob) this.upload(new File([blob], "pasted.png", { type: blob.type }));
        else this.setFault("There is no picture on the clipboard: copy one first.");
      } catch {
        this.setFault("The browser did not allow a look at the clipboard: allow it, or press Ctrl+V.");
      }
    });
  }
}

const softText = (text) => element("span", { textContent: text });

async function pictureOnClipboard() {
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((name) => name.startsWith("image/"));
    if (type) return item.getType(type);
  }
  return null;
}

const inputs = { content: new PictureInput(one("#content")), style: new PictureInput(one("#style")) };

// Where a picture goes that was pasted or dropped beside the inputs: where the focus is, else where something is missing.
function targetInput() {
  const all = Object.values(inputs);
  return all.find((input) => input.root.contains(document.activeElement)) ?? all.find((input) => !input.source) ?? inputs.content;
}

document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files].find((each) => each.type.startsWith("image/"));
  if (file) targetInput().upload(file);
});

// A file dropped beside the inputs must not make the browser leave the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  if (!event.target.closest(".picture-input") && event.dataTransfer.files.length) targetInput().uploadFrom(event.dataTransfer);
});

// A few pictures of the collection right below each input.
async function fillStrip(input, address) {
  const strip = one(".strip", input.root);
  try {
    const { items, total } = await callApi(address);
    strip.replaceChildren(...items.map((item) => stripItem(input, item)));
    strip.hidden = items.length === 0;
    one(".collection", input.root).hidden = total === 0;
  } catch {
    strip.hidden = true; // the button says what is wrong when it is used
  }
}

function stripItem(input, item) {
  const image = element("img", { src: item.thumbnail, alt: "", loading: "lazy" });
  const button = element("button", { type: "button", title: item.name }, image);
  button.setAttribute("aria-label", item.name);
  button.addEventListener("click", () => input.choose({ ...item, image: item.thumbnail, source: { id: item.id } }));
  return element("li", {}, button);
}
