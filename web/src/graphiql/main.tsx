/** GraphiQL for Inkledger. A static page: it holds no data, and its token lives in memory only. */
import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./graphiql.css";
import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { StrictMode, useEffect, useMemo, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { defaultTabs } from "./default-tabs";
import { authorizationIn, createDoorFetcher } from "./fetcher";
import { IdentityBar } from "./identity-bar";
import { isSchemaHidden, schemaPanel } from "./schema-panel";
import { scrubbedStorage } from "./storage";

const PATH = "/graphql";
/** How long the headers editor must be still before its identity counts, in milliseconds. */
const HEADERS_SETTLE_MS = 500;

const firstTabs = defaultTabs();

/** Reads the schema again when the headers editor names another identity; what it shows depends on who asks. */
function SchemaFollowsHeaders({ authorization }: { authorization: string | undefined }) {
  const { introspect } = useGraphiQLActions();
  const seen = useRef(authorization);
  useEffect(() => {
    if (seen.current === authorization) return;
    seen.current = authorization;
    void introspect();
  }, [authorization, introspect]);
  return null;
}

/**
 * A schema that is hidden from this caller is no failure: the panel says so. GraphiQL writes it over whatever
 * the answer pane shows, a running subscription's event included, so the tab's own answer is put back.
 */
function HiddenSchemaIsNoAnswer() {
  const { fetchError, responseEditor, tabs, activeTabIndex } = useGraphiQL(
    pick("fetchError", "responseEditor", "tabs", "activeTabIndex"),
  );
  const answer = tabs[activeTabIndex]?.response ?? "";
  useEffect(() => {
    if (isSchemaHidden(fetchError) && responseEditor?.getValue() === fetchError) responseEditor.setValue(answer);
  }, [fetchError, responseEditor, answer]);
  return null;
}

/** The editor's colours follow the system while the page is open; GraphiQL itself looks only once. */
function ThemeFollowsSystem() {
  const theme = useGraphiQL((state) => state.theme);
  const { setTheme } = useGraphiQLActions();
  useEffect(() => {
    if (theme !== null) return;
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    const follow = () => setTheme(null);
    system.addEventListener("change", follow);
    return () => system.removeEventListener("change", follow);
  }, [theme, setTheme]);
  return null;
}

function parseHeaders(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function App() {
  const [token, setToken] = useState("");
  const [written, setWritten] = useState<string>();
  const timer = useRef<number>(undefined);
  const door = useMemo(() => createDoorFetcher({ path: PATH, token }), [token]);
  useEffect(() => () => door.close(), [door]);

  function onEditHeaders(text: string) {
    window.clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setWritten(authorizationIn(parseHeaders(text))), HEADERS_SETTLE_MS);
  }

  const own = token === "" ? undefined : `Bearer ${token}`;
  return (
    <>
      <IdentityBar path={PATH} token={token} authorization={written ?? own} onToken={setToken} />
      <main className="workbench">
        <GraphiQL
          fetcher={door.fetch}
          storage={scrubbedStorage}
          shouldPersistHeaders={false}
          isHeadersEditorEnabled
          defaultEditorToolsVisibility
          defaultTabs={firstTabs}
          referencePlugin={schemaPanel}
          schemaDescription
          inputValueDeprecation
          onEditHeaders={onEditHeaders}
        >
          <GraphiQL.Logo>
            <span />
          </GraphiQL.Logo>
          <SchemaFollowsHeaders authorization={written} />
          <HiddenSchemaIsNoAnswer />
          <ThemeFollowsSystem />
        </GraphiQL>
      </main>
    </>
  );
}

const root = document.getElementById("root");
if (root === null) throw new Error("graphiql.html lacks #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
