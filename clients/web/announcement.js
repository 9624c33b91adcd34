// A few words on what was just done, shown for a moment and read out once.

import { by, write } from "./dom.js";

const SHOWN_MS = 4_000;
let timer = 0;

/** Say it. */
export function announce(words) {
  const element = by("announcement");
  write(element, words);
  element.classList.add("said");
  clearTimeout(timer);
  timer = setTimeout(() => element.classList.remove("said"), SHOWN_MS);
}
