import { defineConfig } from "vitest/config";

// `npm run test:browser`: parts of the project in the system's Chromium, without the viewer around them.
export default defineConfig({
  resolve: { conditions: ["@samrefine/source", "node"] },
  ssr: { resolve: { conditions: ["@samrefine/source", "node"] } },
  test: {
    include: ["test/browser/**/*.spec.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 120_000,
  },
});
