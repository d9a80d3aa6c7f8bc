import { basename, join } from "node:path";
import { presetPlan, RefineError, type RefinementPlan } from "@samrefine/core";
import type { Table } from "@samrefine/evaluation";
import type { SegmentationManifest } from "@samrefine/models";
import { type Command, Option } from "commander";
import { reportFailures, runCases } from "../cases/run-cases.ts";
import { type CaseSelection, casesOption, selectCases } from "../cases/select-cases.ts";
import {
  addCommonOptions,
  type CommandContext,
  type CommonOptions,
  parseInteger,
  parseList,
  writeJson,
  writeOutput,
} from "../command-context.ts";
import type { InitialSource } from "../compare/run-plans.ts";
import { type PlanAxis, parseAxis, varyPlans } from "../compare/vary-plans.ts";
import { openDataset } from "../dataset/open-dataset.ts";
import { addDistanceOptions, type DistanceOptions } from "../evaluation/distance-options.ts";
import { loadPlan } from "../models/load-plan.ts";
import type { SamOptions } from "../models/open-models.ts";
import { requireSameLabels } from "../models/propose.ts";
import { shownPath } from "../report/shown-path.ts";
import { fittingColumns, formatTable } from "../terminal/table.ts";
import type { Terminal } from "../terminal/terminal.ts";

interface CompareOptions extends CommonOptions, SamOptions, DistanceOptions {
  readonly model: string;
  readonly presets?: readonly string[];
  readonly plan: readonly string[];
  readonly vary: readonly PlanAxis[];
  readonly dataset: string;
  readonly split?: string;
  readonly cases: CaseSelection;
  readonly limit?: number;
  readonly slicesEvery: number;
  readonly initial: InitialSource;
  readonly out: string;
  readonly card?: boolean;
}

export function registerCompare(program: Command, context: CommandContext): void {
  const command = program
    .command("compare")
    .description(
      "Run several strategies on the same cases and put them side by side, with paired statistics and pictures.\n" +
        "The first one is the baseline: `--presets raw,ours` is the U-Net alone against the one-click result.",
    )
    .requiredOption("--model <manifest>", "manifest.json of the U-Net")
    .option("--sam <manifest>", "manifest.json of a promptable model (default: the embedded SAM)")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .option(
      "--presets <names>",
      "plans by name, comma-separated; `model` is the plan that a trial chose for the model",
      parseList,
    )
    .option(
      "--plan <file>",
      "a plan of your own; may be given several times",
      (file, list: readonly string[]) => [...list, file],
      [],
    )
    .option(
      "--vary <plan:key=values>",
      "also run variants of one of these plans, such as ours:samWeight=0.5,0.7,1; may be given several times, for all combinations",
      parseAxis,
      [],
    )
    .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set with references")
    .option("--split <file>", "another split than the data set's split.json")
    .addOption(casesOption("val"))
    .option("--limit <number>", "only the first so many cases", parseInteger(1))
    .option("--slices-every <number>", "look at one of so many slices of a volume", parseInteger(1), 1)
    .addOption(
      new Option(
        "--initial <source>",
        "what prompts are made of; with reference an annotator is simulated, and Dice is an upper bound, not a result",
      )
        .choices(["prediction", "reference"])
        .default("prediction"),
    )
    .requiredOption("--out <folder>", "where comparison.json, .csv, .md, .html and pictures go")
    .option("--card", "also write the table into the README.md beside the model's manifest");
  addCommonOptions(addDistanceOptions(command)).action((options: CompareOptions) => compare(options, context));
}

async function compare(options: CompareOptions, context: CommandContext): Promise<void> {
  const [
    { CACHE_OF_SEVERAL_PLANS, openEngine, openSam, openUnet },
    { compareCase },
    { summariseComparison },
    reports,
    { writeModelCard },
  ] = await Promise.all([
    import("../models/open-models.ts"),
    import("../compare/compare-case.ts"),
    import("../compare/summarise-comparison.ts"),
    import("../compare/comparison-report.ts"),
    import("../compare/model-card.ts"),
  ]);
  const dataset = await openDataset(options.dataset, { split: options.split });
  const ids = selectCases(dataset, options.cases).slice(0, options.limit);
  const { signal, terminal } = context;
  const { out, slicesEvery, initial, voxelUnits, surfaceTolerance } = options;
  const engine = await openEngine(options, CACHE_OF_SEVERAL_PLANS);
  try {
    const unet = await openUnet(engine, options.model, context);
    requireSameLabels(dataset, unet.manifest);
    const plans = await chosenPlans(options, unet.manifest);
    const sam = await openSam(engine, plans, options, context);
    const { results, failures } = await runCases("Comparing", ids, context, (id) =>
      compareCase(id, { dataset, unet, sam, plans, out, signal, slicesEvery, initial, voxelUnits, surfaceTolerance }),
    );
    if (results.length === 0) {
      reportFailures(failures, ids.length, context);
      return;
    }
    const cases = results.flat();
    const report = {
      schema: "samrefine-comparison/1",
      researchUseOnly: true,
      dataset: dataset.name,
      split: options.cases,
      slicesEvery,
      initial,
      surfaceTolerance,
      labels: dataset.labels,
      model: { id: unet.manifest.id, version: unet.manifest.version, digest: unet.segmenter.digest },
      sam: sam === undefined ? null : { id: sam.modelId, digest: sam.digest },
      backend: engine.backend,
      seed: options.seed,
      command: commandLine(options),
      strategies: summariseComparison(plans, cases, options.seed),
      cases,
      failures,
    } as const;
    const markdown = reports.comparisonMarkdown(report);
    await writeJson(join(options.out, "comparison.json"), report);
    await writeOutput(join(options.out, "comparison.csv"), reports.comparisonCsv(report));
    await writeOutput(join(options.out, "comparison.md"), markdown);
    await writeOutput(join(options.out, "comparison.html"), await reports.comparisonHtml(report, options.out));
    if (options.json !== undefined) await writeJson(options.json, { command: "compare", report });
    printTable(reports.comparisonTable(report, true), terminal);
    terminal.print(`\n${join(options.out, "comparison.html")}. Research use only.`);
    if (options.card === true) {
      const card = await writeModelCard(
        options.model,
        `${markdown}\nMeasured by:\n\n\`\`\`\n${report.command}\n\`\`\``,
      );
      terminal.print(`The table stands in ${card}.`);
    }
    reportFailures(failures, ids.length, context);
  } finally {
    await engine.dispose();
  }
}

/** The leading columns that a terminal has room for; what is left out stands in the files. */
function printTable({ columns, rows }: Table, terminal: Terminal): void {
  const head = columns.map(({ header }) => header);
  const text = rows.map((row) => row.map(String));
  const count = fittingColumns(head, text, terminal.columns);
  terminal.print(
    formatTable(
      head.slice(0, count),
      text.map((row) => row.slice(0, count)),
    ),
  );
  if (count < head.length)
    terminal.print(`${head.length - count} more columns in the files: ${head.slice(count).join(", ")}.`);
}

async function chosenPlans(
  options: CompareOptions,
  manifest: SegmentationManifest,
): Promise<readonly RefinementPlan[]> {
  const { trialMenu } = await import("@samrefine/evaluation");
  const menu = trialMenu();
  const plans = (options.presets ?? []).map((name) =>
    name === "model" ? planOfModel(manifest) : (menu.find(({ id }) => id === name) ?? presetPlan(name)),
  );
  for (const file of options.plan) plans.push(await loadPlan(file));
  if (plans.length === 0) {
    throw new RefineError("configuration", "Give at least one strategy by --presets or --plan.", {
      hint: "For example --presets raw,cleanup,scb-asRun,ours.",
    });
  }
  const varied = varyPlans(plans, options.vary);
  const repeated = varied.find((plan, index) => varied.findIndex(({ id }) => id === plan.id) !== index);
  if (repeated !== undefined) {
    throw new RefineError("configuration", `The strategy ${repeated.id} is given twice.`, {
      hint: "Give every plan an id of its own.",
    });
  }
  return varied;
}

function planOfModel({ id, plan }: SegmentationManifest): RefinementPlan {
  if (plan !== undefined) return plan;
  throw new RefineError("configuration", `The manifest of ${id} names no plan.`, {
    hint: "Let samrefine calibrate --write choose one, or name a preset.",
  });
}

/** How to make the report again. Data and results by name only, other files by {@link shownPath}: cards are read elsewhere. */
function commandLine(options: CompareOptions): string {
  const own = options.plan.flatMap((file) => ["--plan", shownPath(file)]);
  const presets = options.presets === undefined ? [] : ["--presets", options.presets.join(",")];
  return [
    ...["samrefine", "compare", "--dataset", basename(options.dataset), "--model", shownPath(options.model)],
    ...[...presets, ...own],
    ...options.vary.flatMap(({ id, path, values }) => [
      "--vary",
      `'${id}:${path}=${values.map((value) => JSON.stringify(value)).join(",")}'`,
    ]),
    ...(options.sam === undefined ? [] : ["--sam", shownPath(options.sam)]),
    ...(options.split === undefined ? [] : ["--split", shownPath(options.split)]),
    ...["--cases", options.cases],
    ...(options.limit === undefined ? [] : ["--limit", String(options.limit)]),
    ...(options.slicesEvery === 1 ? [] : ["--slices-every", String(options.slicesEvery)]),
    ...(options.initial === "prediction" ? [] : ["--initial", options.initial]),
    ...(options.voxelUnits === true ? ["--voxel-units"] : []),
    ...(options.surfaceTolerance === 1 ? [] : ["--surface-tolerance", String(options.surfaceTolerance)]),
    ...["--seed", String(options.seed), "--out", basename(options.out)],
    ...(options.card === true ? ["--card"] : []),
  ].join(" ");
}
