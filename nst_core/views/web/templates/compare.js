// Before/after sliders: `.compare` with an input of type range, which brings mouse, touch and keyboard.
// A range's thumb stays inside its track, so that the middle of a 0-width thumb is where the pointer is.
document.addEventListener("input", (event) => {
  const range = event.target;
  if (!(range instanceof HTMLInputElement) || !range.parentElement?.matches(".compare")) return;
  range.parentElement.style.setProperty("--at", `${range.value}%`);
  range.setAttribute("aria-valuetext", `${Math.round(range.value)} % of the photograph, the rest is the result`);
});
