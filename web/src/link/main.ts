/**
 * The pages behind links in letters: `/link/sign-in#TOKEN` and its like. The token sits behind the `#`, so opening the
 * page sends it nowhere and uses nothing up; only the button does. A product with pages of its own names them in
 * `mail.link_url`.
 */
import resetPassword from "./operations/reset-password.graphql?raw";
import signIn from "./operations/sign-in-with-magic-link.graphql?raw";
import verifyEmail from "./operations/verify-email.graphql?raw";

interface Act {
  session?: { accessToken: string; refreshToken: string } | null;
  sessionsEnded?: number | null;
  userErrors: { code: string; message: string }[];
}

interface Answer {
  data?: { act: Act | null } | null;
  errors?: { message: string; extensions?: { code?: string; requestId?: string } }[];
}

interface Page {
  query: string;
  title: string;
  about: string;
  button: string;
  password?: { label: string; hint: string; complete: AutoFill };
  done: string;
  doneAbout: string;
}

const TOKENS = "Copy the access token: it is valid for ten minutes and kept nowhere. The page /graphiql takes it.";

const PAGES: Record<string, Page> = {
  "sign-in": {
    query: signIn,
    title: "Sign in",
    about: "The link works once; opening this page does not use it up, the button below does.",
    button: "Sign in",
    done: "You are signed in",
    doneAbout: TOKENS,
  },
  "verify-email": {
    query: verifyEmail,
    title: "Finish signing up",
    about: "Type the password that you chose when you signed up. It shows that this letter is yours.",
    button: "Finish signing up",
    password: { label: "Password", hint: "The one you chose when you signed up", complete: "current-password" },
    done: "Welcome",
    doneAbout: TOKENS,
  },
  "reset-password": {
    query: resetPassword,
    title: "Set a new password",
    about: "It signs you out everywhere. The link works once; opening this page does not use it up.",
    button: "Set the password",
    password: {
      label: "New password",
      hint: "8–128 characters with an upper-case letter, a lower-case letter and a digit",
      complete: "new-password",
    },
    done: "Your password is set",
    doneAbout: "All sessions have ended. Sign in with the new password.",
  },
};

function part<T extends HTMLElement>(id: string, kind: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`link.html lacks #${id}`);
  return found;
}

const page = PAGES[location.pathname.split("/").filter(Boolean).at(-1) ?? ""];
const fault = part("fault", HTMLDivElement);
const submit = part("submit", HTMLButtonElement);
const password = part("password", HTMLInputElement);

function showFault(text: string): void {
  fault.textContent = text;
  fault.hidden = text === "";
  if (text !== "") fault.focus();
}

function token(): string {
  return location.hash.slice(1).trim();
}

async function ask(query: string, input: Record<string, string>): Promise<Answer> {
  const response = await fetch("/graphql", {
    method: "POST",
    credentials: "omit",
    headers: { "content-type": "application/json", accept: "application/json", "x-client-name": "link" },
    body: JSON.stringify({ query, variables: { input } }),
  });
  return (await response.json()) as Answer;
}

function finish(shown: Page, act: Act): void {
  // The token is spent: take it out of the address and the history.
  history.replaceState(null, "", location.pathname);
  password.value = "";
  part("act", HTMLElement).hidden = true;
  part("done", HTMLElement).hidden = false;
  part("done-title", HTMLHeadingElement).textContent = shown.done;
  part("done-about", HTMLParagraphElement).textContent = shown.doneAbout;
  for (const [id, text] of [
    ["access", act.session?.accessToken],
    ["refresh", act.session?.refreshToken],
  ] as const) {
    part(`${id}-field`, HTMLDivElement).hidden = text === undefined;
    part(id, HTMLTextAreaElement).value = text ?? "";
  }
  part("done-title", HTMLHeadingElement).focus();
}

async function act(shown: Page): Promise<void> {
  showFault("");
  submit.disabled = true;
  try {
    const input: Record<string, string> = { token: token() };
    if (shown.password !== undefined) input["password"] = password.value;
    const answer = await ask(shown.query, input);
    const done = answer.data?.act;
    if (done && done.userErrors.length === 0) finish(shown, done);
    else if (done) showFault(done.userErrors.map((error) => `${error.message} (${error.code})`).join(" "));
    else {
      const first = answer.errors?.[0];
      const request = first?.extensions?.requestId;
      const trace = request === undefined ? "" : `, request ${request}`;
      showFault(`${first?.message ?? "The server gave no answer"} (${first?.extensions?.code ?? "no code"}${trace})`);
    }
  } catch {
    showFault("The server could not be reached, or did not answer with JSON. The link was not used as far as this page knows.");
  } finally {
    submit.disabled = false;
  }
}

function start(): void {
  const complete = page !== undefined && token() !== "";
  part("missing", HTMLElement).hidden = complete;
  part("act", HTMLElement).hidden = !complete;
  if (page === undefined) return;
  part("title", HTMLHeadingElement).textContent = page.title;
  part("about", HTMLParagraphElement).textContent = page.about;
  submit.textContent = page.button;
  part("password-field", HTMLDivElement).hidden = page.password === undefined;
  part("password-label", HTMLLabelElement).textContent = page.password?.label ?? "";
  part("password-hint", HTMLParagraphElement).textContent = page.password?.hint ?? "";
  password.autocomplete = page.password?.complete ?? "off";
}

part("form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  if (page !== undefined) void act(page);
});
addEventListener("hashchange", () => {
  if (part("done", HTMLElement).hidden) start();
});
start();
