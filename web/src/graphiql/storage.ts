/**
 * What GraphiQL may keep in the browser: layout, theme, queries and variables, but no secret.
 *
 * `shouldPersistHeaders={false}` is not enough: GraphiQL's history still writes the headers of every run
 * into local storage. So this storage drops headers from all that passes, and any query or variables that
 * carry a password or a token.
 */

const SECRET = /(password|token|secret|authorization)\w*"?\s*:\s*"/i;

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function carriesSecret(value: unknown): boolean {
  return typeof value === "string" && SECRET.test(value);
}

/** The entry without headers; without its texts as well when one of them carries a secret. */
function scrubTab(tab: unknown): unknown {
  if (!isRecord(tab)) return tab;
  const kept = { ...tab, headers: null };
  return carriesSecret(tab["query"]) || carriesSecret(tab["variables"])
    ? { ...kept, query: null, variables: null, response: null }
    : kept;
}

function scrubHistory(entries: unknown[]): unknown[] {
  return entries
    .filter((entry) => isRecord(entry) && !carriesSecret(entry["query"]) && !carriesSecret(entry["variables"]))
    .map((entry) => ({ ...(entry as Record<string, unknown>), headers: undefined }));
}

/** The value as it may be stored, or null when nothing of it may. */
export function scrub(key: string, value: string): string | null {
  if (key.endsWith(":headers")) return null;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return carriesSecret(value) ? null : value;
  }
  if (isRecord(parsed)) {
    if (Array.isArray(parsed["tabs"])) return JSON.stringify({ ...parsed, tabs: parsed["tabs"].map(scrubTab) });
    for (const name of ["queries", "favorites"]) {
      const entries = parsed[name];
      if (Array.isArray(entries)) return JSON.stringify({ ...parsed, [name]: scrubHistory(entries) });
    }
  }
  return carriesSecret(value) ? null : value;
}

export const scrubbedStorage = {
  get length(): number {
    return localStorage.length;
  },
  getItem: (key: string): string | null => localStorage.getItem(key),
  setItem(key: string, value: string): void {
    const kept = scrub(key, value);
    if (kept === null) localStorage.removeItem(key);
    else localStorage.setItem(key, kept);
  },
  removeItem: (key: string): void => localStorage.removeItem(key),
  clear(): void {
    for (const key of Object.keys(localStorage)) {
      if (key.startsWith("graphiql:")) localStorage.removeItem(key);
    }
  },
};
