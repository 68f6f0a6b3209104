(() => {
  "use strict";
  const KEY = "eyechart-theme";
  const root = document.documentElement;
  const button = document.querySelector(".theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const system = () => (dark.matches ? "dark" : "light");
  const other = () => ((root.dataset.theme || system()) === "dark" ? "light" : "dark");

  const label = () => {
    button.textContent = other() === "dark" ? "Dark" : "Light";
    button.setAttribute("aria-label", `Switch to ${other()} colours`);
  };
  const choose = (theme) => { // what the system shows anyway is not pinned, so that the page keeps following it
    if (theme === system()) delete root.dataset.theme;
    else root.dataset.theme = theme;
    try {
      if (theme === system()) localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch { /* some browsers refuse storage to files */ }
    label();
  };
  try {
    const kept = localStorage.getItem(KEY);
    if (kept === "dark" || kept === "light") root.dataset.theme = kept;
  } catch { /* as above */ }
  button.addEventListener("click", () => choose(other()));
  dark.addEventListener("change", label);
  button.hidden = false;
  label();

  const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
  const mark = (id) => links.forEach((a, key) => {
    if (key === id) a.setAttribute("aria-current", "true");
    else a.removeAttribute("aria-current");
  });
  const watch = new IntersectionObserver(
    (entries) => entries.forEach((entry) => entry.isIntersecting && mark(entry.target.id)),
    { rootMargin: "-20% 0px -75% 0px" },
  );
  links.forEach((_, id) => {
    const section = document.getElementById(id);
    if (section) watch.observe(section);
  });
})();
