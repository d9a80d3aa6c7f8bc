import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Real images live beside the repository, never in it. Tests that need them skip, with a printed reason, when absent.
const besideRepository = fileURLToPath(new URL("../shared/data", import.meta.url));
const realData = process.env.SAMREFINE_DATA ?? (existsSync(besideRepository) ? besideRepository : "");

// `npm run e2e`: the whole viewer in the system's Chromium. A file starts servers and a browser whose models take what they get:
// two files side by side gain nothing on less than four cores.
const maxWorkers = availableParallelism() >= 4 ? 2 : 1;

export default defineConfig({
  resolve: { conditions: ["@samrefine/source", "node"] },
  ssr: { resolve: { conditions: ["@samrefine/source", "node"] } },
  test: {
    include: ["test/e2e/**/*.spec.ts"],
    globalSetup: ["test/e2e/harness/build-once.ts"],
    environment: "node",
    env: { SAMREFINE_DATA: realData },
    maxWorkers,
    fileParallelism: maxWorkers > 1,
    testTimeout: 600_000,
    hookTimeout: 240_000,
    // What a page shows is waited for; a busy machine needs more than the usual second.
    expect: { poll: { timeout: 30_000 } },
  },
});
