// What this browser keeps between visits; where it keeps nothing, the page works all the same.

/** The JSON value kept under `key`, or `otherwise`. */
export function kept(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`omote.${key}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

/** Keep a JSON value; false when the browser refuses. */
export function keep(key, value) {
  try {
    localStorage.setItem(`omote.${key}`, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}
