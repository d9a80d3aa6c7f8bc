import { basename, dirname, join } from "node:path";
import { presetPlan, RefineError, type RefinementPlan, type RingPair } from "@samrefine/core";
import type { CaseScore, QualitySample, TrialArm } from "@samrefine/evaluation";
import { type Command, InvalidArgumentError, Option } from "commander";
import { unseenNetworks } from "../calibrate/unseen-network.ts";
import { reportFailures, runCases } from "../cases/run-cases.ts";
import { selectCases } from "../cases/select-cases.ts";
import {
  addCommonOptions,
  type CommandContext,
  type CommonOptions,
  parseInteger,
  parseList,
  writeJson,
} from "../command-context.ts";
import { type OpenedDataset, openDataset } from "../dataset/open-dataset.ts";
import { loadPlan } from "../models/load-plan.ts";
import type { SamOptions } from "../models/open-models.ts";
import { requireSameLabels } from "../models/propose.ts";
import { shownPath } from "../report/shown-path.ts";
import { formatTable } from "../terminal/table.ts";

interface CalibrateOptions extends CommonOptions, SamOptions {
  readonly model: string;
  readonly fold: readonly string[];
  readonly folds?: number;
  readonly foldRuns?: string;
  readonly metrics?: string;
  readonly presets: readonly string[];
  readonly plan: readonly string[];
  readonly ring: readonly RingPair[];
  readonly dataset: string;
  readonly split?: string;
  readonly cases: "val" | "labeled";
  readonly limit?: number;
  readonly slicesEvery: number;
  readonly out: string;
  readonly write?: boolean;
  readonly card?: boolean;
}

/** An arm with the plan behind it and what it measured of every mask. */
interface MeasuredArm extends TrialArm {
  readonly plan: RefinementPlan;
  readonly samples: readonly QualitySample[];
}

export function registerCalibrate(program: Command, context: CommandContext): void {
  const command = program
    .command("calibrate")
    .description(
      "Choose the plan for a model by a trial on labelled cases that the network was not trained on.\n" +
        "SAM stays off unless it wins by 0.3 points of Dice over the best plan without it and harms no class. Where classes\n" +
        "want different plans, and choosing class by class is worth more on left-out cases, each class gets its own.",
    )
    .requiredOption("--model <manifest>", "manifest.json of the U-Net")
    .option(
      "--fold <manifest>",
      "a network of the same recipe that was trained without some of the cases; may be given several times. Every case is predicted by the first network whose manifest does not list it in trainedOn",
      append,
      [],
    )
    .option(
      "--folds <number>",
      "train so many networks as the model was trained, each without a part of the labelled cases, and hold the trial on the left-out parts and the validation cases",
      parseInteger(2),
    )
    .option(
      "--fold-runs <folder>",
      "where these networks are kept; finished ones are used again (default: beside --out)",
    )
    .option(
      "--metrics <file>",
      "metrics.json of the model's run, which says how it was trained (default: beside --model)",
    )
    .option("--sam <manifest>", "manifest.json of a promptable model (default: the embedded SAM)")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .option(
      "--presets <names>",
      "the menu, comma-separated: `menu` and names of plans; begins without SAM",
      parseList,
      ["menu"],
    )
    .option("--plan <file>", "a plan of your own, added to the menu; may be given several times", append, [])
    .option(
      "--ring <ring:inner>",
      "segment numbers of a class and the class that it surrounds, for the plan of the menu that treats such pairs; may be given several times (default: found in the labelled cases)",
      (text, list: readonly RingPair[]) => [...list, parseRing(text)],
      [],
    )
    .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set with references")
    .option("--split <file>", "another split than the data set's split.json")
    .addOption(new Option("--cases <split>", "which cases").choices(["val", "labeled"]).default("val"))
    .option("--limit <number>", "only the first so many cases", parseInteger(1))
    .option("--slices-every <number>", "look at one of so many slices of a volume", parseInteger(1), 1)
    .requiredOption("--out <file>", "the chosen plan with its evidence, JSON")
    .option("--write", "also make it the plan of the model's manifest, which refine, segment and the viewer use")
    .option("--card", "also write the table into the README.md beside the model's manifest");
  addCommonOptions(command).action((options: CalibrateOptions) => calibrate(options, context));
}

async function calibrate(options: CalibrateOptions, context: CommandContext): Promise<void> {
  const [
    { CACHE_OF_SEVERAL_PLANS, asksSam, openEngine, openSam, openUnet },
    { runPlans },
    { scoreCase },
    { chooseArm, chooseCombined, chooseQuality, toMarkdown, tryPerClass },
    { classTable, trialEvidence, trialTable },
    { combinedPlan, familyOf },
    { qualitySamples, qualityTable, withQuality },
  ] = await Promise.all([
    import("../models/open-models.ts"),
    import("../compare/run-plans.ts"),
    import("../evaluation/score-case.ts"),
    import("@samrefine/evaluation"),
    import("../calibrate/trial-evidence.ts"),
    import("../calibrate/combined-plan.ts"),
    import("../calibrate/choose-quality.ts"),
  ]);
  const dataset = await openDataset(options.dataset, { split: options.split });
  const plans = await menuOf(options, dataset);
  const ids = trialCases(dataset, options);
  const trained = options.folds === undefined ? [] : await foldNetworks(options, options.folds, dataset, context);
  const { signal, terminal } = context;
  const engine = await openEngine(options, CACHE_OF_SEVERAL_PLANS);
  try {
    const unet = await openUnet(engine, options.model, context);
    const folds = [];
    for (const fold of [...options.fold, ...trained]) folds.push(await openUnet(engine, fold, context));
    for (const { manifest } of [unet, ...folds]) requireSameLabels(dataset, manifest);
    const areLabeled = options.cases === "labeled" || options.folds !== undefined;
    const unseen = unseenNetworks({ networks: [unet, ...folds], ids, areLabeled });
    const sam = await openSam(engine, plans, options, context);
    const measure = async (title: string, tried: readonly RefinementPlan[], caseIds: readonly string[]) => {
      const task = { dataset, sam, plans: tried, signal, slicesEvery: options.slicesEvery, measureAll: true };
      const { results, failures } = await runCases(title, caseIds, context, async (id) => {
        const { image, reference, runs } = await runPlans(id, { ...task, unet: unseen.get(id)! });
        const scores = runs.map(({ labels }) => scoreCase(image, dataset, reference, labels, { distances: false }));
        const samples = runs.map((run) => qualitySamples(id, run, reference));
        return { id, scores, samples };
      });
      const arms = tried.map(
        (plan, index): MeasuredArm => ({
          name: plan.id,
          usesSam: asksSam([plan]),
          family: familyOf(plan, plans),
          scores: results.flatMap(({ scores }): readonly CaseScore[] => scores[index]!),
          plan,
          samples: results.flatMap(({ samples }) => samples[index]!),
        }),
      );
      return { arms, ids: results.map(({ id }) => id), failures };
    };
    const menu = await measure(`Trying ${plans.length} plans`, plans, ids);
    const { arms, ids: measuredIds } = menu;
    let { failures } = menu;
    if (measuredIds.length === 0) {
      reportFailures(failures, ids.length, context);
      return;
    }
    let decision = chooseArm(arms, { seed: options.seed });
    const byClass = tryPerClass(arms, { seed: options.seed });
    if (byClass !== undefined) {
      const combined = combinedPlan(byClass.assignment, plans, dataset);
      const again = await measure(`Trying ${combined.id}`, [combined], measuredIds);
      failures = [...failures, ...again.failures];
      if (again.failures.length === 0) {
        decision = chooseCombined(arms, again.arms[0]!, byClass, { seed: options.seed });
        arms.push(...again.arms);
      }
    }
    const facts = {
      dataset: dataset.name,
      cases: measuredIds,
      casesInWords: casesInWords(measuredIds, dataset, options),
      model: `${unet.manifest.id} ${unet.manifest.version}`,
      sam: sam?.modelId,
      command: commandLine(options, plans),
    };
    const { plan: chosen, samples } = arms.find(({ name }) => name === decision.chosen)!;
    const quality = chooseQuality(samples, `${facts.model}, ${chosen.id}, ${facts.casesInWords} of ${facts.dataset}`);
    const plan: RefinementPlan = { ...withQuality(chosen, quality), evidence: trialEvidence(decision, facts) };
    const table = trialTable(decision, facts);
    await writeJson(options.out, plan);
    if (options.json !== undefined)
      await writeJson(options.json, { command: "calibrate", plan, decision, quality, failures });
    const classes = classTable(decision);
    for (const shown of [table, ...(classes === undefined ? [] : [classes]), qualityTable(quality)]) {
      const rows = shown.rows.map((row) => row.map(String));
      terminal.print(
        `${formatTable(
          shown.columns.map(({ header }) => header),
          rows,
        )}\n`,
      );
    }
    terminal.print(`${plan.evidence!.summary}\n${options.out}. Research use only.`);
    if (failures.length > 0) {
      if (options.write === true) terminal.note("The manifest was left as it was, because cases failed.");
    } else {
      const tables = [table, ...(classes === undefined ? [] : [classes])].map(toMarkdown);
      await publish(options, plan, [...tables, plan.evidence!.summary].join("\n"), context);
    }
    reportFailures(failures, ids.length, context);
  } finally {
    await engine.dispose();
  }
}

async function publish(
  options: CalibrateOptions,
  plan: RefinementPlan,
  measured: string,
  { terminal }: CommandContext,
): Promise<void> {
  if (options.write === true) {
    const { writeManifestPlan } = await import("../calibrate/write-manifest-plan.ts");
    await writeManifestPlan(options.model, plan);
    terminal.print(`${plan.id} is the plan of ${options.model} now.`);
  }
  if (options.card === true) {
    const { writeModelCard } = await import("../compare/model-card.ts");
    const text = `${measured}\n\nMeasured by:\n\n\`\`\`\n${plan.evidence!.command}\n\`\`\``;
    terminal.print(`The table stands in ${await writeModelCard(options.model, text)}.`);
  }
}

/** With networks for parts of the labelled cases these take part as well. */
function trialCases(dataset: OpenedDataset, { cases, folds, limit }: CalibrateOptions): readonly string[] {
  if (folds === undefined) return selectCases(dataset, cases).slice(0, limit);
  return [...selectCases(dataset, "labeled"), ...dataset.caseIds("val")].slice(0, limit);
}

async function foldNetworks(
  options: CalibrateOptions,
  folds: number,
  dataset: OpenedDataset,
  context: CommandContext,
): Promise<readonly string[]> {
  const { trainFolds } = await import("../calibrate/train-folds.ts");
  const runs = options.foldRuns ?? join(dirname(options.out), `${basename(options.out, ".json")}-folds`);
  const { model, metrics, seed, provider, threads, sam, cache } = options;
  const running = {
    ...{ seed, provider },
    ...(threads === undefined ? {} : { threads }),
    ...(sam === undefined ? {} : { sam }),
    ...(cache === undefined ? {} : { cache }),
  };
  return await trainFolds({ model, metrics, dataset, folds, runs, running }, context);
}

/** Anatomy does not change from case to case; a few show what surrounds what. */
const CASES_WITH_RINGS = 10;

/** Rings are looked for in the labelled cases when none is named and the menu has a plan for them. */
async function ringsOf(options: CalibrateOptions, dataset: OpenedDataset): Promise<readonly RingPair[]> {
  if (options.ring.length > 0 || !options.presets.some((name) => ["menu", "ours-rings"].includes(name))) {
    return options.ring;
  }
  const { findRings } = await import("@samrefine/evaluation");
  const cases = [];
  for (const id of dataset.caseIds("labeled").slice(0, CASES_WITH_RINGS)) {
    const { slices } = await dataset.readCase(id);
    cases.push({ geometry: slices[0]!.geometry, slices: (await dataset.readLabels(id)).slices });
  }
  return findRings(
    cases,
    dataset.labels.map(({ value }) => value),
  );
}

async function menuOf(options: CalibrateOptions, dataset: OpenedDataset): Promise<readonly RefinementPlan[]> {
  const { trialMenu } = await import("@samrefine/evaluation");
  const menu = trialMenu(await ringsOf(options, dataset));
  const plans = options.presets.flatMap((name) =>
    name === "menu" ? menu : [menu.find(({ id }) => id === name) ?? presetPlan(name)],
  );
  for (const file of options.plan) plans.push(await loadPlan(file));
  const repeated = plans.find((plan, index) => plans.findIndex(({ id }) => id === plan.id) !== index);
  if (repeated !== undefined) {
    throw new RefineError("configuration", `The plan ${repeated.id} is on the menu twice.`, {
      hint: "Give every plan an id of its own.",
    });
  }
  if (plans[0]!.passes.length > 0) {
    throw new RefineError("configuration", `The menu begins with ${plans[0]!.id}, which asks SAM.`, {
      hint: "Begin with raw: the network alone is what everything is measured against.",
    });
  }
  return plans;
}

function casesInWords(ids: readonly string[], dataset: OpenedDataset, options: CalibrateOptions): string {
  const { cases, folds, slicesEvery } = options;
  const noun = `${dataset.dimension === 2 ? "image" : "volume"}${ids.length === 1 ? "" : "s"}`;
  const thinned = dataset.dimension === 3 && slicesEvery > 1 ? ` (one of ${slicesEvery} slices)` : "";
  if (folds === undefined) return `${ids.length} ${cases === "val" ? "validation" : "labelled"} ${noun}${thinned}`;
  const labeled = dataset.caseIds("labeled").filter((id) => ids.includes(id)).length;
  const parts = [`${labeled} labelled (${folds} folds)`];
  if (labeled < ids.length) parts.push(`${ids.length - labeled} validation`);
  return `${parts.join(" and ")} ${noun}${thinned}`;
}

function append(file: string, list: readonly string[]): readonly string[] {
  return [...list, file];
}

function parseRing(text: string): RingPair {
  const numbers = /^(\d+):(\d+)$/.exec(text.trim());
  const [ring, inner] = [Number(numbers?.[1]), Number(numbers?.[2])];
  if (numbers === null || ring < 1 || inner < 1 || ring === inner) {
    throw new InvalidArgumentError("Two different segment numbers are needed, such as 2:3.");
  }
  return { ring, inner };
}

/**
 * How to make the trial again. The menu is spelled out, since it may grow; data and results by name only, so that no path of
 * this machine enters a manifest.
 */
function commandLine(options: CalibrateOptions, plans: readonly RefinementPlan[]): string {
  const named = plans.slice(0, plans.length - options.plan.length).map(({ id }) => id);
  return [
    ...["samrefine", "calibrate", "--dataset", basename(options.dataset), "--model", shownPath(options.model)],
    ...options.fold.flatMap((fold) => ["--fold", shownPath(fold)]),
    ...(options.folds === undefined ? [] : ["--folds", String(options.folds)]),
    ...["--presets", named.join(",")],
    ...options.plan.flatMap((file) => ["--plan", shownPath(file)]),
    ...options.ring.flatMap(({ ring, inner }) => ["--ring", `${ring}:${inner}`]),
    ...(options.sam === undefined ? [] : ["--sam", shownPath(options.sam)]),
    ...(options.split === undefined ? [] : ["--split", shownPath(options.split)]),
    ...(options.folds === undefined ? ["--cases", options.cases] : []),
    ...(options.limit === undefined ? [] : ["--limit", String(options.limit)]),
    ...(options.slicesEvery === 1 ? [] : ["--slices-every", String(options.slicesEvery)]),
    ...["--seed", String(options.seed), "--out", basename(options.out)],
    ...(options.write === true ? ["--write"] : []),
    ...(options.card === true ? ["--card"] : []),
  ].join(" ");
}
