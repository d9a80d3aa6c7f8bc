// Writes what every preset asks and makes on a drawn image or volume to core/presets.json:
//
//     node --conditions=@samrefine/source test/golden/make_preset_goldens.ts
//
// These are this engine's own numbers, kept so that no preset changes unnoticed. That the presets are what the papers
// describe is shown by the parity vectors of methods.md section 9, which the unit tests of packages/core hold.
import { writeFileSync } from "node:fs";
import { refinementPresets } from "@samrefine/core";
import { runPreset } from "./preset-runs.ts";

const lines: string[] = [];
for (const [id, plan] of refinementPresets)
  lines.push(`${JSON.stringify(id)}: ${JSON.stringify(await runPreset(plan))}`);
writeFileSync(new URL("core/presets.json", import.meta.url), `{\n${lines.join(",\n")}\n}\n`);
