// Paper is white, whatever the theme.
let theme;
addEventListener("beforeprint", () => {
  theme = document.documentElement.dataset.theme;
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => (document.documentElement.dataset.theme = theme));

// The draw-a-digit page is shown whole, as high as it is.
for (const frame of document.querySelectorAll("div.play iframe")) {
  const fit = () => (frame.style.height = `${Math.ceil(frame.contentDocument.body.getBoundingClientRect().height) + 4}px`);
  frame.addEventListener("load", () => new ResizeObserver(fit).observe(frame.contentDocument.body));
}
