import { defineConfig } from "vitest/config";

// `npm test`: everything that needs Node alone. Browser and conformance suites have configurations of their own.
export default defineConfig({
  resolve: { conditions: ["@samrefine/source", "node", "import", "default"] },
  ssr: { resolve: { conditions: ["@samrefine/source", "node", "import", "default"] } },
  test: {
    include: ["{packages,extensions,apps}/*/src/**/*.test.{ts,tsx}", "test/{contract,golden}/**/*.test.ts"],
    environment: "node",
    testTimeout: 120_000,
  },
});
