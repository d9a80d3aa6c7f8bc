import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

// Real images live beside the repository, never in it. Tests that need them skip, with a printed reason, when absent.
const besideRepository = fileURLToPath(new URL("../shared/data", import.meta.url));
const realData = process.env.SAMREFINE_DATA ?? (existsSync(besideRepository) ? besideRepository : "");

// `npm test`: everything that needs Node alone. Browser and conformance suites have configurations of their own.
export default defineConfig({
  // "import" and "default" must not be listed: they would reach Node as --conditions and make require() load ES modules.
  resolve: { conditions: ["@samrefine/source", "node"] },
  ssr: { resolve: { conditions: ["@samrefine/source", "node"] } },
  test: {
    include: ["{packages,extensions,apps}/*/src/**/*.test.{ts,tsx}", "test/{contract,golden}/**/*.test.ts"],
    environment: "node",
    env: { SAMREFINE_DATA: realData },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
