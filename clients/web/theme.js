// Light or dark: the reader's system decides until the reader does. No module, because those run
// only once the page has been drawn.

(() => {
  const KEY = "omote.theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };

  const use = (theme) => {
    if (theme) root.dataset.theme = theme;
  };

  use(chosen());
  addEventListener("omote-theme", () => {
    const theme = (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark" ? "light" : "dark";
    use(theme);
    try {
      localStorage.setItem(KEY, theme);
    } catch {
      // Then it lasts until the page is left.
    }
  });
})();
