/**
 * The documentation panel. Who may not read the schema is told so calmly, instead of "Error fetching schema".
 */
import { DOC_EXPLORER_PLUGIN, DocExplorer } from "@graphiql/plugin-doc-explorer";
import { useGraphiQL, type GraphiQLPlugin } from "@graphiql/react";

/** Whether the server refused the schema because of who asks (G29), and not by a fault. */
export function isSchemaHidden(fault: string | null): boolean {
  return fault?.includes("INTROSPECTION_DISABLED") ?? false;
}

function SchemaPanel() {
  const fault = useGraphiQL((state) => state.fetchError);
  const busy = useGraphiQL((state) => state.isIntrospecting);
  if (busy || fault === null) return <DocExplorer />;
  return (
    <section className="schema-note" aria-label="Documentation">
      <h2>Documentation</h2>
      {isSchemaHidden(fault) ? (
        <p>
          The schema is shown to administrators. Use the access token of an ADMIN or HERO to browse it here. Queries run
          without it, only completion is missing.
        </p>
      ) : (
        <>
          <p>The schema could not be read. The server answered:</p>
          <pre>{fault}</pre>
        </>
      )}
    </section>
  );
}

// The panel must stay this very object: GraphiQL keeps its shortcut and its history of pages only for it.
export const schemaPanel: GraphiQLPlugin = Object.assign(DOC_EXPLORER_PLUGIN, { content: SchemaPanel });
