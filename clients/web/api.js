// Requests to the server: bearer token, refusals in words.

import { token } from "./token.js";

/** The server understood and said no. */
export class Refused extends Error {
  constructor(status, body) {
    super(reason(status, body));
    this.status = status;
    /** Whether another token could help. */
    this.wantsToken = status === 401 || (status === 403 && Boolean(token()));
    /** What is wrong where: `[{at: "params.background.strength", message}]`. */
    this.errors = Array.isArray(body.errors) ? body.errors : [];
  }
}

/** Nobody answered. */
export class Unreachable extends Error {}

/** Ask the server; gives its response, or throws `Refused` or `Unreachable`. */
export async function ask(path, options = {}) {
  const headers = { ...options.headers };
  if (token()) headers.Authorization = `Bearer ${token()}`;
  let response;
  try {
    response = await fetch(path, { cache: "no-store", ...options, headers });
  } catch {
    throw new Unreachable("The server does not answer.");
  }
  if (!response.ok) throw new Refused(response.status, await bodyOf(response));
  return response;
}

/** Ask for JSON. */
export async function askJson(path, options) {
  return (await ask(path, options)).json();
}

/** Send an order, a JSON merge patch, to a stage. */
export function order(stage, patch) {
  return askJson(`/stages/${stage}`, {
    method: "PATCH",
    headers: { "Content-Type": "application/merge-patch+json" },
    body: JSON.stringify(patch),
  });
}

async function bodyOf(response) {
  try {
    return await response.json();
  } catch {
    return {};
  }
}

function reason(status, body) {
  if (status === 401) return token() ? "The server does not know this token." : "The server wants a token.";
  const detail = typeof body.detail === "string" ? body.detail : body.title;
  return detail ? sentence(detail) : `The server refused (${status}).`;
}

function sentence(words) {
  const text = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
