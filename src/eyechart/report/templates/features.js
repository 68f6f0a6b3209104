(() => {
  "use strict";
  document.querySelectorAll(".layer").forEach((layer) => {
    const tools = layer.querySelector(".tools");
    const grid = layer.querySelector(".channels");
    if (!tools) return;
    tools.hidden = false;
    tools.querySelector(".order").addEventListener("change", (event) => {
      const key = event.target.value;
      const value = (card) => (key === "number" ? -Number(card.dataset.number) : Number(card.dataset[key] ?? NaN));
      const cards = [...grid.children];
      cards.sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return y - x || a.dataset.number - b.dataset.number;
      });
      grid.append(...cards);
    });
  });
})();
