/** The bar above GraphiQL: who you are, and the box that takes an access token. */
import { useEffect, useId, useState, type FormEvent } from "react";
import mark from "../mark.svg";
import { cleanToken } from "./fetcher";
import whoAmI from "./operations/who-am-i.graphql?raw";

type Identity =
  | { state: "anonymous" }
  | { state: "asking" }
  | { state: "known"; username: string; role: string }
  | { state: "refused"; why: string };

interface Answer {
  data?: { viewer?: { username: string; role: string } | null } | null;
  errors?: { message: string; extensions?: { code?: string; reason?: string } }[];
}

async function identify(path: string, authorization: string, signal: AbortSignal): Promise<Identity> {
  const response = await fetch(path, {
    method: "POST",
    credentials: "omit",
    cache: "no-store",
    signal,
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      authorization,
      "x-client-name": "graphiql",
    },
    body: JSON.stringify({ query: whoAmI, operationName: "WhoAmI" }),
  });
  const answer = (await response.json()) as Answer;
  const viewer = answer.data?.viewer;
  if (viewer) return { state: "known", ...viewer };
  const extensions = answer.errors?.[0]?.extensions;
  return { state: "refused", why: extensions?.reason ?? extensions?.code ?? "not accepted" };
}

function describe(identity: Identity): string {
  switch (identity.state) {
    case "anonymous":
      return "Anonymous";
    case "asking":
      return "Checking…";
    case "known":
      return `${identity.username} · ${identity.role}`;
    case "refused":
      return `Token refused: ${identity.why}`;
  }
}

interface Props {
  path: string;
  token: string;
  /** What requests are sent with: the headers editor's value if it has one, else the box's. */
  authorization: string | undefined;
  onToken(token: string): void;
}

export function IdentityBar({ path, token, authorization, onToken }: Props) {
  const box = useId();
  const [draft, setDraft] = useState("");
  const [identity, setIdentity] = useState<Identity>({ state: "anonymous" });

  useEffect(() => {
    if (authorization === undefined) {
      setIdentity({ state: "anonymous" });
      return;
    }
    const stop = new AbortController();
    setIdentity({ state: "asking" });
    identify(path, authorization, stop.signal)
      .then(setIdentity)
      .catch(() => {
        if (!stop.signal.aborted) setIdentity({ state: "refused", why: "the server could not be asked" });
      });
    return () => stop.abort();
  }, [path, authorization]);

  function use(event: FormEvent) {
    event.preventDefault();
    const cleaned = cleanToken(draft);
    setDraft("");
    if (cleaned !== "") onToken(cleaned);
  }

  return (
    <header className="identity-bar">
      <a className="brand" href="/">
        <img src={mark} alt="" width="24" height="24" />
        <span>Inkledger</span>
      </a>
      <output className="identity" data-state={identity.state} aria-live="polite">
        {describe(identity)}
      </output>
      {token === "" ? (
        <form className="token" onSubmit={use}>
          <label htmlFor={box}>Access token</label>
          {/* Not type="password": browsers would offer to save it. The text is masked by CSS instead. */}
          <input
            id={box}
            className="masked"
            value={draft}
            onChange={(event) => setDraft(event.target.value)}
            placeholder="Paste an access token"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            data-1p-ignore
          />
          <button disabled={draft.trim() === ""}>Use token</button>
        </form>
      ) : (
        <button className="forget" type="button" onClick={() => onToken("")}>
          Forget token
        </button>
      )}
    </header>
  );
}
