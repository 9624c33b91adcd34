// A question that must be answered before something is lost.

import { by, write } from "./dom.js";

/** Ask; resolves to true when the person agrees by the button `verb`. */
export function confirmed(title, words, verb) {
  const dialog = by("question");
  write(by("question-title"), title);
  write(by("question-text"), words);
  write(by("question-yes"), verb);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
