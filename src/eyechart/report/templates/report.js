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

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const PACE = 500; // milliseconds a frame: well below three flashes a second
  document.querySelectorAll(".flicker").forEach((figure) => {
    const shots = [...figure.querySelectorAll(".shot")].slice(0, 2);
    const words = [".shot-name", ".shot-line"].map((kind) => {
      const both = shots.map((shot) => shot.querySelector(kind));
      return { place: both[0], texts: both.map((one) => one.textContent) };
    });
    const turn = shots[1].querySelector("img").cloneNode(); // lies over the first, so that switching decodes nothing
    turn.classList.add("turn");
    turn.hidden = true;
    shots[0].querySelector(".plate").append(turn);
    let timer = 0;
    const show = (second) => {
      turn.hidden = !second;
      figure.dataset.frame = second ? "2" : "1";
      words.forEach(({ place, texts }) => { place.textContent = texts[second ? 1 : 0]; });
    };
    const swap = () => show(turn.hidden);
    const stop = () => {
      clearInterval(timer);
      timer = 0;
      show(false);
    };
    const start = () => {
      if (still.matches || timer) return;
      swap();
      timer = setInterval(swap, PACE);
    };
    const toggle = () => { // by hand: a single change, or an end to the changing
      if (timer) stop();
      else if (still.matches) swap();
      else start();
    };
    figure.tabIndex = 0;
    figure.setAttribute("aria-label", "Two frames in turn: press Enter");
    figure.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && start());
    figure.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && stop());
    figure.addEventListener("focus", () => figure.matches(":focus-visible") && start());
    figure.addEventListener("blur", stop);
    figure.addEventListener("click", toggle);
    figure.addEventListener("keydown", (event) => {
      if (event.key === "Escape") stop();
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle();
    });
    show(false);
  });
  document.querySelectorAll(".how").forEach((line) => { line.hidden = false; });

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
