// The map: a plane that is as many times as large as its view as it is zoomed, and scrolls in it. What is on it keeps its
// size, so that things come apart; names that would cover others wait for that.
"use strict";
(() => {
  const view = document.querySelector(".view"), plane = view.querySelector(".plane");
  const zooming = document.querySelector(".zooming"), told = zooming.querySelector("output");
  const names = [...plane.querySelectorAll(".names > li")].sort((a, b) => b.dataset.paintings - a.dataset.paintings);
  const MOST = 12, NEAR = 2, STEP = 1.5;
  let zoom = 1, dragged = null;

  // Names in the order of how much there is of them: each is shown whole unless it would cover one that is.
  function arrange() {
    for (const name of names) name.classList.remove("bare");
    const boxes = names.map((name) => name.firstChild.getBoundingClientRect());
    const frame = plane.getBoundingClientRect(), placed = [];
    names.forEach((name, i) => {
      const a = boxes[i];
      const covers = placed.some((b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom);
      const outside = a.left < frame.left - 1 || a.right > frame.right + 1 || a.top < frame.top - 1 || a.bottom > frame.bottom + 1;
      name.classList.toggle("bare", covers || outside);
      if (!covers && !outside) placed.push(a);
    });
  }

  // Zooms so that what is at (x, y) of the view stays there.
  function zoomTo(wanted, x = view.clientWidth / 2, y = view.clientHeight / 2) {
    const before = zoom, [left, top] = [view.scrollLeft + x, view.scrollTop + y];
    zoom = Math.min(MOST, Math.max(1, wanted));
    plane.style.setProperty("--zoom", zoom);
    plane.classList.toggle("near", zoom >= NEAR);
    view.scrollTo({ left: (left * zoom) / before - x, top: (top * zoom) / before - y, behavior: "instant" });
    zooming.querySelector("[data-zoom=in]").disabled = zoom >= MOST;
    for (const kind of ["out", "whole"]) zooming.querySelector(`[data-zoom=${kind}]`).disabled = zoom <= 1;
    told.textContent = `${Math.round(zoom * 100)} %`;
    arrange();
  }

  const zooms = { in: () => zoom * STEP, out: () => zoom / STEP, whole: () => 1 };
  const keys = { "+": "in", "=": "in", "-": "out", 0: "whole" };
  zooming.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    zoomTo(zooms[button.dataset.zoom]());
    if (button.disabled) view.focus({ preventScroll: true });
  });
  view.addEventListener("keydown", (event) => {
    if (!keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    zoomTo(zooms[keys[event.key]]());
  });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return; // of a pinch, too; else the page scrolls
    event.preventDefault();
    const { left, top } = view.getBoundingClientRect();
    zoomTo(zoom * Math.exp(-event.deltaY / 200), event.clientX - left, event.clientY - top);
  }, { passive: false });
  view.addEventListener("dblclick", (event) => {
    const { left, top } = view.getBoundingClientRect();
    if (!event.target.closest("a")) zoomTo(zoom * STEP, event.clientX - left, event.clientY - top);
  });
  view.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "mouse" || event.button) return; // a finger scrolls by itself
    dragged = { x: event.clientX, y: event.clientY, moved: false };
  });
  addEventListener("pointermove", (event) => {
    if (!dragged) return;
    dragged.moved ||= Math.hypot(event.clientX - dragged.x, event.clientY - dragged.y) > 4;
    if (dragged.moved) view.scrollBy({ left: -event.movementX, top: -event.movementY, behavior: "instant" });
  });
  addEventListener("pointerup", () => setTimeout(() => (dragged = null)));
  view.addEventListener("click", (event) => dragged?.moved && event.preventDefault(), true);
  view.addEventListener("dragstart", (event) => event.preventDefault());
  addEventListener("resize", arrange);

  for (const hidden of [zooming, document.querySelector(".keys")]) hidden.hidden = false;
  zoomTo(1);
  document.documentElement.dataset.ready = "";
})();
