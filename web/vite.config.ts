import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const root = fileURLToPath(new URL(".", import.meta.url));
const compress = promisify(gzip);

/** Files at or below this size in bytes gain nothing from compression. */
const SMALLEST_COMPRESSED = 1024;

/**
 * Writes `NAME.gz` beside every built file that gets smaller by it, so that the server never compresses
 * while it answers. The time stamp inside gzip is zero, so equal input gives equal bytes.
 */
function precompress(): Plugin {
  return {
    name: "inkledger-precompress",
    apply: "build",
    async writeBundle(options) {
      const folder = options.dir;
      if (folder === undefined) return;
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      for (const entry of entries) {
        if (!entry.isFile() || !/\.(css|html|js|json|svg|ttf|txt)$/.test(entry.name)) continue;
        const path = join(entry.parentPath, entry.name);
        const bytes = await readFile(path);
        if (bytes.length <= SMALLEST_COMPRESSED) continue;
        const small = await compress(bytes, { level: 9 });
        if (small.length < bytes.length) await writeFile(`${path}.gz`, small);
      }
    },
  };
}

export default defineConfig({
  root,
  base: "/",
  publicDir: false,
  plugins: [precompress()],
  // Workers are files of their own: the policy is `worker-src 'self'`, which has no room for blobs.
  worker: { format: "es" },
  build: {
    outDir: "dist",
    assetsDir: "assets",
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    modulePreload: { polyfill: false },
    // Everything on these pages is one tool; a warning about its size would say nothing new.
    chunkSizeWarningLimit: 6000,
    rollupOptions: {
      // React's server directives in dependencies mean nothing in a bundle for the browser.
      onwarn: (warning, report) => (warning.code === "MODULE_LEVEL_DIRECTIVE" ? undefined : report(warning)),
      input: { graphiql: join(root, "graphiql.html"), claim: join(root, "claim.html"), link: join(root, "link.html") },
    },
  },
});
