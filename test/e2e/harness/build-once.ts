import { buildViewer } from "@samrefine/viewer/build";

/** Builds the viewer before the first suite, so that no test waits for it. */
export default async function setup(): Promise<void> {
  await buildViewer({
    log: (message) => process.stdout.write(`${message}\n`),
    allowStock: process.env.SAMREFINE_E2E_ALLOW_STOCK === "1",
  });
}
