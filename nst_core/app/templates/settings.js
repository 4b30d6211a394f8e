// Recipe, size and strength.

const recipe = one("#recipe");
const size = one("#size");
const strength = one("#strength");
let sizeChosen = false; // else a recipe brings its own

function settings() {
  return { recipe: recipe.value, size: Number(size.value), strength: Number(strength.value) };
}

function setSettings(wanted) {
  if ([...recipe.options].some((option) => option.value === wanted.recipe && !option.disabled)) recipe.value = wanted.recipe;
  setSize(wanted.size);
  strength.value = wanted.strength;
  sizeChosen = true;
  describe();
}

function setSize(wanted) {
  const nearest = options.sizes.reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best));
  size.value = String(nearest);
}

function describe() {
  const chosen = options.recipes.find((each) => each.name === recipe.value);
  one("#recipe-note").textContent = chosen?.description ?? "";
  const word = strengthWord(Number(strength.value));
  one("output[for=strength]").textContent = word;
  strength.setAttribute("aria-valuetext", `${strength.value}: ${word}`);
}

function recipeOption(each) {
  return element("option", { value: each.name, textContent: each.title, disabled: !each.available });
}

function listRecipes() {
  const can = options.recipes.filter((each) => each.available);
  const cannot = options.recipes.filter((each) => !each.available);
  recipe.append(...can.map(recipeOption));
  if (!cannot.length) return;
  recipe.append(element("optgroup", { label: "Not available here" }, ...cannot.map(recipeOption)));
  for (const reason of new Set(cannot.map((each) => each.reason))) {
    const those = cannot.filter((each) => each.reason === reason).map((each) => each.title);
    one("#unavailable dl").append(element("dt", { textContent: those.join(", ") }), element("dd", { textContent: reason }));
  }
  one("#unavailable").hidden = false;
}

listRecipes();
size.append(...options.sizes.map((each) => element("option", { value: String(each), textContent: `${each} px` })));
recipe.value = options.default_recipe;
setSize(options.default_size);
strength.value = options.strength.default;
describe();
recipe.addEventListener("change", () => {
  if (!sizeChosen) setSize(options.recipes.find((each) => each.name === recipe.value).size);
  describe();
});
size.addEventListener("change", () => (sizeChosen = true));
strength.addEventListener("input", describe);
