// What a slider says here: it stands between two results, not between a photograph and one.
document.addEventListener("input", (event) => {
  if (event.target.matches("#comparison .compare > input"))
    event.target.setAttribute("aria-valuetext", `${event.target.value} % of the other run's result, the rest is this run's`);
});
