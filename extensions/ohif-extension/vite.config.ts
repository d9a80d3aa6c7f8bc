import { defineConfig, type Plugin } from "vite";

/** OHIF's Cornerstone extension puts its own instances on `window` when its chunk loads. */
const hostGlobals: Readonly<Record<string, string>> = {
  "@cornerstonejs/core": "cornerstone",
  "@cornerstonejs/tools": "cornerstoneTools",
};

/**
 * Makes `import … from "@cornerstonejs/tools"` mean the host's instance. A CommonJS virtual module keeps named imports
 * working. Any other import from these scopes would be a second copy of the host's code, so it is an error.
 */
function hostLibraries(): Plugin {
  return {
    name: "samrefine:host-libraries",
    enforce: "pre",
    resolveId(id) {
      if (id in hostGlobals) return { id: `\0host:${id}.cjs`, moduleSideEffects: false };
      if (/^@(cornerstonejs|kitware|ohif)\//.test(id)) {
        this.error(`${id} must not be bundled; take it from the OHIF host.`);
      }
      return undefined;
    },
    load(id) {
      const name = /^\0host:(.*)\.cjs$/.exec(id)?.[1];
      if (name === undefined) return undefined;
      const global = hostGlobals[name];
      return `const host = globalThis.${global}; if (!host) throw new Error("${name}: the OHIF host is not loaded yet"); module.exports = host;`;
    },
  };
}

// An ordinary app build, not lib mode: lib mode would inline the wasm files. `base: "./"` makes asset and worker URLs
// relative to the bundle, so that a site can serve it from any folder.
export default defineConfig({
  base: "./",
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  resolve: { conditions: ["@samrefine/source", "module", "browser", "import", "default"] },
  plugins: [hostLibraries()],
  worker: { format: "es", plugins: () => [hostLibraries()] },
  build: {
    target: "es2023",
    outDir: "dist/bundle",
    assetsInlineLimit: 0,
    sourcemap: true,
    modulePreload: false,
    rollupOptions: {
      input: "src/plugin.ts",
      preserveEntrySignatures: "strict",
      output: { format: "es", entryFileNames: "index.js", chunkFileNames: "[name]-[hash].js" },
    },
  },
});
