import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { defineConfig, type Plugin } from "vite";
import { packedDictionary } from "./packed-dictionary.ts";

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

const dictionaryId = "samrefine:dicom-dictionary";
const dictionarySource = new URL("../../packages/dicom/src/dataset/dictionary-data.ts", import.meta.url);
const dictionaryCode = packedDictionary(readFileSync(dictionarySource, "utf8"));
const dictionaryHash = createHash("sha256").update(dictionaryCode).digest("hex").slice(0, 8);
const dictionaryFile = `dicom-dictionary-${dictionaryHash}.js`;

/**
 * The DICOM dictionary, the largest piece of our code, as one file that page and worker both import: bundlers build them
 * apart, and would put it into each.
 */
function sharedDictionary(): Plugin {
  return {
    name: "samrefine:shared-dictionary",
    enforce: "pre",
    resolveId: (id) => (/\/dictionary-data\.ts$/.test(id) ? { id: dictionaryId, external: true } : undefined),
    generateBundle() {
      this.emitFile({ type: "asset", fileName: `assets/${dictionaryFile}`, source: dictionaryCode });
    },
  };
}

// An ordinary app build, not lib mode: lib mode would inline the wasm files. `base: "./"` makes asset and worker URLs
// relative to the bundle, so that a site can serve it from any folder.
export default defineConfig({
  base: "./",
  define: { "process.env.NODE_ENV": JSON.stringify("production") },
  resolve: { conditions: ["@samrefine/source", "module", "browser", "import", "default"] },
  plugins: [hostLibraries(), sharedDictionary()],
  worker: {
    format: "es",
    plugins: () => [hostLibraries(), sharedDictionary()],
    rollupOptions: {
      output: {
        paths: { [dictionaryId]: `./${dictionaryFile}` },
        // Hints to a bundler that would take the worker in; nobody does.
        comments: { annotation: false },
      },
    },
  },
  build: {
    target: "es2023",
    outDir: "dist/bundle",
    assetsInlineLimit: 0,
    sourcemap: true,
    modulePreload: false,
    rollupOptions: {
      input: "src/plugin.ts",
      preserveEntrySignatures: "strict",
      output: {
        paths: { [dictionaryId]: `./assets/${dictionaryFile}` },
        format: "es",
        entryFileNames: "index.js",
        chunkFileNames: "[name]-[hash].js",
      },
    },
  },
});
