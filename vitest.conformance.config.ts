import { defineConfig } from "vitest/config";

// `npm run conformance`: what we write, judged by software of others. Needs dciodvfy and .venv-judges; skips without.
export default defineConfig({
  resolve: { conditions: ["@samrefine/source", "node"] },
  ssr: { resolve: { conditions: ["@samrefine/source", "node"] } },
  test: {
    include: ["test/conformance/**/*.conformance.test.ts"],
    environment: "node",
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
