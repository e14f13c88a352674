"use strict";
// The only moving thing of the page: two pictures behind each other.
for (const figure of document.querySelectorAll(".compare")) {
  const over = figure.querySelector(".over");
  const edge = figure.querySelector(".edge");
  const range = figure.querySelector("input[type=range]");
  const show = () => {
    const mode = figure.dataset.mode;
    const part = mode === "slider" ? Number(range.value) : mode === "reference" ? 100 : 0;
    over.style.clipPath = `inset(0 0 0 ${part}%)`;
    edge.style.left = `${part}%`;
    range.disabled = mode !== "slider";
  };
  range.addEventListener("input", show);
  for (const choice of figure.querySelectorAll("input[type=radio]")) {
    choice.addEventListener("change", () => { figure.dataset.mode = choice.value; show(); });
  }
  show();
}
