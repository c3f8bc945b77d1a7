/**
 * The page behind the one-time link `/claim#TOKEN`. The token sits behind the `#`, so it never reaches the
 * server by opening the page, and no log or Referer holds it; only the button spends it.
 */
import claimHero from "./operations/claim-hero.graphql?raw";

interface UserError {
  code: string;
  message: string;
  path: string[] | null;
}

interface Answer {
  data?: {
    claimHero: {
      session: { accessToken: string; refreshToken: string } | null;
      userErrors: UserError[];
    } | null;
  } | null;
  errors?: { message: string; extensions?: { code?: string; requestId?: string } }[];
}

const FIELDS = ["username", "email", "password"] as const;
type Field = (typeof FIELDS)[number];

function part<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`claim.html lacks #${id}`);
  return found;
}

const form = part("form", HTMLFormElement);
const submit = part("submit", HTMLButtonElement);
const fault = part("fault", HTMLDivElement);
const reveal = part("reveal", HTMLButtonElement);

/** The token of the link, or an empty text. Kept in the address until it is spent, so that a reload works. */
function linkToken(): string {
  const raw = location.hash.slice(1);
  const value = raw.startsWith("token=") ? raw.slice("token=".length) : raw;
  try {
    return decodeURIComponent(value).trim();
  } catch {
    return value;
  }
}

function input(field: Field): HTMLInputElement {
  return part(field, HTMLInputElement);
}

function showFieldFault(field: Field, text: string): void {
  const line = part(`${field}-fault`, HTMLParagraphElement);
  line.textContent = text;
  line.hidden = text === "";
  input(field).setAttribute("aria-invalid", String(text !== ""));
}

function showFault(text: string): void {
  fault.textContent = text;
  fault.hidden = text === "";
  if (text !== "") fault.focus();
}

function clearFaults(): void {
  showFault("");
  for (const field of FIELDS) showFieldFault(field, "");
}

/** What is plainly wrong already here. The server judges again and has the last word. */
function faultOf(field: Field): string {
  const { value } = input(field);
  switch (field) {
    case "username":
      return /^[A-Za-z0-9_-]{3,20}$/.test(value) ? "" : "Use 3–20 letters, digits, _ or -.";
    case "email":
      return /^[^\s@]+@[^\s@]+$/.test(value) ? "" : "Enter an e-mail address.";
    case "password":
      return value.length >= 8 && /[A-Z]/.test(value) && /[a-z]/.test(value) && /\d/.test(value)
        ? ""
        : "Use at least 8 characters with an upper-case letter, a lower-case letter and a digit.";
  }
}

function showUserErrors(errors: UserError[]): void {
  const rest: string[] = [];
  for (const error of errors) {
    const field = FIELDS.find((name) => name === error.path?.at(-1));
    if (field === undefined) rest.push(`${error.message} (${error.code})`);
    else showFieldFault(field, error.message);
  }
  if (rest.length > 0) showFault(rest.join(" "));
  else document.querySelector<HTMLInputElement>('[aria-invalid="true"]')?.focus();
}

async function ask(): Promise<Answer> {
  const response = await fetch("/graphql", {
    method: "POST",
    credentials: "omit",
    // `application/json` answers a refused request with status 200, so the reason is all that a person sees.
    headers: { "content-type": "application/json", accept: "application/json", "x-client-name": "claim" },
    body: JSON.stringify({
      query: claimHero,
      variables: {
        input: {
          token: linkToken(),
          username: input("username").value,
          email: input("email").value,
          password: input("password").value,
        },
      },
    }),
  });
  return (await response.json()) as Answer;
}

function finish(session: { accessToken: string; refreshToken: string }): void {
  // The token is spent: take it out of the address and the history.
  history.replaceState(null, "", location.pathname);
  form.reset();
  part("claim", HTMLElement).hidden = true;
  part("done", HTMLElement).hidden = false;
  part("access", HTMLTextAreaElement).value = session.accessToken;
  part("refresh", HTMLTextAreaElement).value = session.refreshToken;
  part("done-title", HTMLHeadingElement).focus();
}

async function claim(): Promise<void> {
  clearFaults();
  for (const field of FIELDS) showFieldFault(field, faultOf(field));
  const wrong = document.querySelector<HTMLInputElement>('[aria-invalid="true"]');
  if (wrong !== null) {
    wrong.focus();
    return;
  }
  submit.disabled = true;
  submit.textContent = "Claiming…";
  try {
    const answer = await ask();
    const payload = answer.data?.claimHero;
    if (payload?.session) finish(payload.session);
    else if (payload && payload.userErrors.length > 0) showUserErrors(payload.userErrors);
    else {
      const first = answer.errors?.[0];
      const code = first?.extensions?.code ?? "no code";
      const request = first?.extensions?.requestId;
      const trace = request === undefined ? "" : `, request ${request}`;
      showFault(`${first?.message ?? "The server gave no answer"} (${code}${trace})`);
    }
  } catch {
    showFault("The server could not be reached, or did not answer with JSON. Nothing was claimed as far as this page knows.");
  } finally {
    submit.disabled = false;
    submit.textContent = "Claim this server";
  }
}

async function copy(id: string): Promise<void> {
  const box = part(id, HTMLTextAreaElement);
  box.select();
  try {
    await navigator.clipboard.writeText(box.value);
  } catch {
    // Plain HTTP on another host has no clipboard API; the old command still copies the selection.
    document.execCommand("copy");
  }
  part("copied", HTMLParagraphElement).textContent = "Copied.";
}

function start(): void {
  const complete = linkToken() !== "";
  part("missing", HTMLElement).hidden = complete;
  part("claim", HTMLElement).hidden = !complete;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void claim();
});
reveal.addEventListener("click", () => {
  const box = input("password");
  const shown = box.type === "password";
  box.type = shown ? "text" : "password";
  reveal.textContent = shown ? "Hide" : "Show";
  reveal.setAttribute("aria-pressed", String(shown));
});
for (const button of document.querySelectorAll<HTMLButtonElement>("[data-copy]")) {
  button.addEventListener("click", () => void copy(button.dataset["copy"] ?? ""));
}
addEventListener("hashchange", () => {
  if (part("done", HTMLElement).hidden) start();
});
start();
