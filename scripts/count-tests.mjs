// Prints "<passed> <failed>" of one vitest JSON report. Skipped and pending tests count as failed and are named, because
// the machine that calls this has everything that the tests ask for. A missing report is one failure.
import { readFileSync } from "node:fs";

const [file, status] = process.argv.slice(2);
let passed = 0;
let failed = 0;
try {
  const report = JSON.parse(readFileSync(file, "utf8"));
  for (const suite of report.testResults) {
    if (suite.assertionResults.length === 0 && suite.status === "failed") {
      failed++;
      console.error(`  failed to load: ${suite.name}`);
    }
    for (const test of suite.assertionResults) {
      if (test.status === "passed") passed++;
      else {
        failed++;
        console.error(`  ${test.status}: ${suite.name} > ${test.fullName}`);
      }
    }
  }
} catch (error) {
  console.error(`  no report: ${error instanceof Error ? error.message : error}`);
  failed++;
}
if (status !== "0" && failed === 0) failed++;
console.log(`${passed} ${failed}`);
