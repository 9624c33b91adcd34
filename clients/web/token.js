// The bearer token: from the address (#token=...) or from the person, for as long as the tab is open.

const KEY = "omote.token";
let secret = new URLSearchParams(location.hash.slice(1)).get("token") ?? stored();
if (secret) store();

/** The token in use, or null. */
export const token = () => secret;

/** Use another token from now on; the address must not bring the old one back. */
export function useToken(words) {
  secret = words.trim() || null;
  store();
  history.replaceState(null, "", location.pathname + location.search);
}

/** What a WebSocket offers: it can carry no header, hence the token as a subprotocol. */
export function subprotocols() {
  if (!secret) return ["control.1"];
  const word = btoa(secret).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  return ["control.1", `bearer.${word}`];
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store() {
  try {
    if (secret) sessionStorage.setItem(KEY, secret);
    else sessionStorage.removeItem(KEY);
  } catch {
    // Then it lasts until the page is left.
  }
}
