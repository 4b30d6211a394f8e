// The stage of the lightbox: the before/after slider, or the full picture to look around in. A finger that starts at the
// seam moves it, anywhere else it turns to the next picture; a mouse moves the seam from wherever it is pressed.
{
  const REACH = 44, SWIPE = 48;

  nst.said = (tag, text) => {
    const element = document.createElement(tag);
    element.textContent = text;
    return element;
  };

  nst.stage = (stage, step) => {
    const box = stage.querySelector(".compare"), range = box.querySelector("input");
    const alone = stage.querySelector(".alone"), zoomed = stage.querySelector(".zoomed");
    const full = zoomed.querySelector("img"), missing = stage.querySelector(".missing");
    let held = null;

    function slide(x) {
      const { left, width } = box.getBoundingClientRect();
      range.value = Math.min(100, Math.max(0, (100 * (x - left)) / width));
      range.dispatchEvent(new Event("input", { bubbles: true }));
    }

    function gesture(event) {
      if (event.button || event.target.closest(".zoomed")) return null;
      const { left, right, width } = box.getBoundingClientRect(), { clientX: x } = event;
      if (event.pointerType === "mouse") return !box.hidden && x >= left && x <= right ? "slide" : null;
      return !box.hidden && Math.abs(x - left - (width * range.value) / 100) < REACH ? "slide" : "swipe";
    }

    stage.addEventListener("pointerdown", (event) => {
      const kind = gesture(event);
      if (!kind) return;
      held = { kind, x: event.clientX, y: event.clientY };
      stage.setPointerCapture(event.pointerId);
      if (kind !== "slide") return;
      range.focus({ preventScroll: true });
      if (event.pointerType === "mouse") slide(event.clientX);
    });
    stage.addEventListener("pointermove", (event) => {
      if (held?.kind === "slide") slide(event.clientX);
    });
    stage.addEventListener("pointerup", (event) => {
      const { kind, x, y } = held ?? {}, [across, down] = [event.clientX - x, event.clientY - y];
      held = null;
      if (kind === "swipe" && Math.abs(across) > SWIPE && Math.abs(across) > Math.abs(down)) step(across < 0 ? 1 : -1);
    });
    stage.addEventListener("pointercancel", () => (held = null)); // the page scrolls instead
    stage.addEventListener("mousedown", (event) => {
      if (held) event.preventDefault(); // else the focus would go to what lies under the range
    });
    stage.addEventListener("dragstart", (event) => event.preventDefault());

    zoomed.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && !event.button) zoomed.setPointerCapture(event.pointerId);
    });
    zoomed.addEventListener("pointermove", (event) => {
      if (zoomed.hasPointerCapture(event.pointerId)) zoomed.scrollBy(-event.movementX, -event.movementY);
    });

    // One pixel of the picture on one of the page; a small picture is enlarged until there is something to look around in.
    function enlarge([width, height]) {
      const { clientWidth, clientHeight } = stage;
      const fitted = Math.min(clientWidth, (clientHeight * width) / height);
      const scale = width > fitted ? 1 : Math.ceil((1.5 * fitted) / width);
      full.style.width = `${width * scale}px`;
      zoomed.scrollTo((width * scale - clientWidth) / 2, (height * scale - clientHeight) / 2);
    }

    return {
      // Puts a picture on: `before` may be missing, and `after`, too.
      show({ before, after, size, name, title }) {
        const [width, height] = size, [first, last] = box.querySelectorAll("img");
        stage.style.setProperty("--ratio", width / height);
        stage.style.setProperty("--width", `${width}px`);
        box.style.aspectRatio = `${width} / ${height}`;
        [box.hidden, alone.hidden, missing.hidden] = [!(before && after), !(after && !before), Boolean(after)];
        if (after) for (const image of [first, alone, full]) [image.src, image.alt] = [after, title];
        if (before) [last.src, last.alt] = [before, `${name}, the photograph`];
        range.setAttribute("aria-label", `Compare the photograph ${name} with the result`);
        range.value = 50;
        range.dispatchEvent(new Event("input", { bubbles: true }));
        stage.classList.remove("waiting");
      },
      zoom(on, size) {
        zoomed.hidden = !on;
        if (on) enlarge(size);
      },
    };
  };
}
