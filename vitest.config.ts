import { defineConfig } from "vitest/config";

// `npm test`: everything that needs Node alone. Browser and conformance suites have configurations of their own.
export default defineConfig({
  // "import" and "default" must not be listed: they would reach Node as --conditions and make require() load ES modules.
  resolve: { conditions: ["@samrefine/source", "node"] },
  ssr: { resolve: { conditions: ["@samrefine/source", "node"] } },
  test: {
    include: ["{packages,extensions,apps}/*/src/**/*.test.{ts,tsx}", "test/{contract,golden}/**/*.test.ts"],
    environment: "node",
    testTimeout: 120_000,
  },
});
