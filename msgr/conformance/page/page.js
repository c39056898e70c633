"use strict";
const cases = [...document.querySelectorAll(".case")];
const buttons = [...document.querySelectorAll("button[data-mark]")];
const search = document.querySelector("input[type=search]");
function show() {
  const marks = new Set(buttons.filter((b) => b.getAttribute("aria-pressed") === "true").map((b) => b.dataset.mark));
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const each of cases) {
    const text = each.querySelector("summary").textContent.toLowerCase();
    each.hidden = !marks.has(each.dataset.mark) || !words.every((word) => text.includes(word));
  }
  for (const rest of document.querySelectorAll(".rest")) {
    if (words.length) rest.open = true;
    rest.hidden = ![...rest.querySelectorAll(".case")].some((each) => !each.hidden);
  }
  for (const section of document.querySelectorAll("section"))
    section.hidden = ![...section.querySelectorAll(".case")].some((each) => !each.hidden);
}
for (const button of buttons)
  button.addEventListener("click", () => {
    button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
    show();
  });
search.addEventListener("input", show);
const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
if (wanted) {
  wanted.closest(".rest")?.setAttribute("open", "");
  wanted.setAttribute("open", "");
  wanted.scrollIntoView();
}
