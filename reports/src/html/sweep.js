// Light or dark: as the system wishes, until the button or `t` says otherwise.
(() => {
"use strict";
const root = document.documentElement;
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const set = (isDark) => { root.dataset.theme = isDark ? "dark" : "light"; };
const toggle = () => set(root.dataset.theme !== "dark");
set(dark.matches);
dark.addEventListener("change", (event) => set(event.matches));
document.getElementById("theme").addEventListener("click", toggle);
document.addEventListener("keydown", (event) => {
  if (event.key === "t" && !event.ctrlKey && !event.metaKey && !event.altKey) toggle();
});
})();
