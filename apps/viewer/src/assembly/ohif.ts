import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { extname, join, relative } from "node:path";
import { transform } from "esbuild";
import { precompressFolder } from "./compress.ts";

/** Files of the published build that our viewer replaces or never asks for. */
const dropped: readonly RegExp[] = [
  /^(ort|dicom-microscopy-viewer)(\/|$)/,
  /\.map$/,
  /^(sw|init-service-worker|google|oidc-client\.min|es6-shim\.min|polyfill\.min|app-config)\.js$/,
  /^(_headers|_redirects|serve\.json|silent-refresh\.html)$/,
];

/**
 * Copies the published OHIF build, without its inert parts, minifies its chunks (they are published as written) and
 * compresses them. Nothing of its logic is changed.
 *
 * @param packageDirectory unpacked `@ohif/app`
 * @param web target; everything in it except `samrefine/` is replaced
 */
export async function assembleOhif(packageDirectory: string, web: string): Promise<void> {
  await mkdir(web, { recursive: true });
  for (const name of await readdir(web)) {
    if (name !== "samrefine") await rm(join(web, name), { recursive: true, force: true });
  }
  const source = join(packageDirectory, "dist");
  await cp(source, web, {
    recursive: true,
    filter: (path) => {
      const name = relative(source, path).replaceAll("\\", "/");
      return !dropped.some((pattern) => pattern.test(name));
    },
  });
  await cp(join(packageDirectory, "LICENSE"), join(web, "LICENSE-OHIF.txt"));
  const index = join(web, "index.html");
  await writeFile(index, brandIndex(await readFile(index, "utf8")));
  for (const name of await readdir(web)) {
    if (/\.(js|css)$/.test(name)) await minify(join(web, name));
  }
  await precompressFolder(web, { recursive: false });
}

/** Removes the tag of the service worker (its script is not shipped) and says what the page is and is not. */
export function brandIndex(html: string): string {
  return html
    .replace(/<script[^>]*init-service-worker\.js"><\/script>/, "")
    .replace("<title>OHIF Viewer</title>", "<title>SAM Refine – research use only</title>")
    .replace('content="OHIF Viewer"', 'content="SAM Refine"');
}

async function minify(path: string): Promise<void> {
  const result = await transform(await readFile(path, "utf8"), {
    minify: true,
    // Licence comments stay where they are: the notices of the bundled libraries must travel with the code.
    legalComments: "inline",
    loader: extname(path) === ".css" ? "css" : "js",
    target: "es2022",
  });
  await writeFile(path, result.code);
}
