import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

/**
 * Bundles `@cornerstonejs/adapters` for Node: published as it is, it names modules that Node does not resolve.
 * @returns path of the bundle.
 */
export async function bundleAdapters(outDir: string): Promise<string> {
  await build({
    configFile: false,
    logLevel: "error",
    // The package imports @babel/runtime and depends on @babel/runtime-corejs2, which has the same helpers.
    resolve: { alias: [{ find: /^@babel\/runtime\//, replacement: "@babel/runtime-corejs2/" }] },
    ssr: { noExternal: true },
    build: {
      ssr: fileURLToPath(new URL("adapters-entry.mjs", import.meta.url)),
      outDir,
      emptyOutDir: false,
      rollupOptions: { output: { entryFileNames: "adapters.mjs" } },
    },
  });
  return join(outDir, "adapters.mjs");
}
