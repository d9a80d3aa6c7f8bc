import { join } from "node:path";
import { type RefinementPlan, refineVolume, secondView } from "@samrefine/core";
import type { Command } from "commander";
import { reportFailures, runCases } from "../cases/run-cases.ts";
import { type CaseSelection, casesOption, selectCases } from "../cases/select-cases.ts";
import { addCommonOptions, type CommandContext, type CommonOptions, writeJson } from "../command-context.ts";
import { openDataset } from "../dataset/open-dataset.ts";
import { spacingOf } from "../dataset/spacing.ts";
import { writeLabelMap } from "../dataset/write-case.ts";
import { describeOutcomes, type ReportedSegment } from "../models/describe-outcome.ts";
import { choosePlan, explainPlan, planDigest } from "../models/load-plan.ts";
import type { SamOptions } from "../models/open-models.ts";
import { displayRangeOf, exclusiveLabels, proposeCase, requireSameLabels } from "../models/propose.ts";

/** A refinement of a data set's cases into a folder, as `samrefine refine` takes it. */
export interface RefineCommandOptions extends CommonOptions, SamOptions {
  readonly model: string;
  readonly preset?: string;
  readonly plan?: string;
  readonly dataset: string;
  readonly split?: string;
  readonly cases: CaseSelection;
  readonly out: string;
}

interface RefinedCase {
  readonly id: string;
  readonly file: string;
  readonly seconds: number;
  /** Whether every mask passed the plan's acceptance rule. */
  readonly decision: "accepted" | "needs-review";
  /** Slices that hold any class, ascending k. */
  readonly slices: readonly ReportedSlice[];
  /** Share of the masks that were carried over from a neighbouring slice. Only where the plan does so. */
  readonly propagatedShare?: number;
}

interface ReportedSlice {
  readonly k: number;
  readonly segments: readonly ReportedSegment[];
  /** Classes whose mask came from a neighbouring slice, and those whose way ended here, with the reason. */
  readonly propagated?: readonly number[];
  readonly stopped?: Readonly<Record<string, string>>;
}

export function registerRefine(program: Command, context: CommandContext): void {
  const command = program
    .command("refine")
    .description("Make pseudo labels: the U-Net proposes, SAM refines by a plan; label maps and report.json.")
    .requiredOption("--model <manifest>", "manifest.json of the U-Net")
    .option("--sam <manifest>", "manifest.json of a promptable model (default: the embedded SAM)")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .option("--preset <name>", "a plan by name (default: the one in the model's manifest, otherwise ours)")
    .option("--plan <file>", "a plan of your own, JSON")
    .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set")
    .option("--split <file>", "another split than the data set's split.json")
    .addOption(casesOption("unlabeled"))
    .requiredOption("--out <folder>", "where the label maps and report.json go");
  addCommonOptions(command).action((options: RefineCommandOptions) => refineDataset(options, context));
}

/** Writes a label map per case and report.json. */
export async function refineDataset(options: RefineCommandOptions, context: CommandContext): Promise<void> {
  const { openEngine, openSam, openUnet } = await import("../models/open-models.ts");
  const dataset = await openDataset(options.dataset, { split: options.split });
  const ids = selectCases(dataset, options.cases);
  const { signal, terminal } = context;
  const engine = await openEngine(options);
  try {
    const unet = await openUnet(engine, options.model, context);
    const plan = await choosePlan(options, unet.manifest);
    requireSameLabels(dataset, unet.manifest);
    const sam = await openSam(engine, [plan], options, context);
    const { results, failures } = await runCases(`Refining by ${plan.id}`, ids, context, async (id) => {
      const started = performance.now();
      const image = await dataset.readCase(id);
      const propose = (testTimeAugmentation: RefinementPlan["testTimeAugmentation"]) =>
        proposeCase(image, unet, { testTimeAugmentation, signal });
      const initial = await propose(plan.testTimeAugmentation);
      const view = secondView(plan);
      const secondOpinion = view === undefined ? undefined : await propose(view);
      const volume = { slices: image.slices, initial, spacing: spacingOf(image), secondOpinion };
      const displayRange = displayRangeOf(image, dataset.channelName, unet.manifest.intensity);
      const labels: Uint8Array[] = [];
      const ignored: Uint8Array[] = [];
      const slices: ReportedSlice[] = [];
      for await (const { k, result, propagated, stopped } of refineVolume(volume, plan, sam, {
        displayRange,
        signal,
      })) {
        labels[k] = exclusiveLabels(result.stack);
        if (result.ignore !== undefined) ignored[k] = result.ignore.data;
        const segments = describeOutcomes(result, image.slices[k]!.geometry);
        if (segments.every(({ outcome }) => outcome === "absent") && stopped.size === 0) continue;
        slices.push({
          k,
          segments,
          ...(propagated.length > 0 && { propagated }),
          ...(stopped.size > 0 && { stopped: Object.fromEntries(stopped) }),
        });
      }
      slices.sort((a, b) => a.k - b.k);
      if (dataset.ignoreLabel !== undefined) markIgnored(labels, ignored, dataset.ignoreLabel);
      const file = await writeLabelMap(dataset, image, labels, options.out);
      if (ignored.length > 0) await writeLabelMap(dataset, image, ignored, join(options.out, "ignore"));
      const masks = slices.flatMap(({ segments }) => segments).filter(({ outcome }) => outcome !== "absent");
      const isAccepted = masks.every(({ accepted }) => accepted !== false);
      const carried = slices.reduce((sum, { propagated = [] }) => sum + propagated.length, 0);
      const decision = isAccepted ? ("accepted" as const) : ("needs-review" as const);
      return {
        ...{ id, file, seconds: (performance.now() - started) / 1000, decision, slices },
        ...(plan.volume?.mode === "propagate" && { propagatedShare: carried / Math.max(1, masks.length) }),
      };
    });
    const report = {
      schema: "samrefine-report/1",
      researchUseOnly: true,
      plan,
      planDigest: planDigest(plan),
      model: { id: unet.manifest.id, version: unet.manifest.version, digest: unet.segmenter.digest },
      sam: sam === undefined ? null : { id: sam.modelId, digest: sam.digest },
      backend: engine.backend,
      labels: dataset.labels,
      cases: results,
      failures,
    };
    await writeJson(join(options.out, "report.json"), report);
    if (options.json !== undefined) await writeJson(options.json, { command: "refine", ...report });
    terminal.print(summary(results, plan, options.out));
    terminal.print(explainPlan(plan));
    reportFailures(failures, ids.length, context);
  } finally {
    await engine.dispose();
  }
}

/** Where the data set knows an ignore label, it stands in the label map itself. */
function markIgnored(labels: readonly Uint8Array[], ignored: readonly Uint8Array[], value: number): void {
  for (const [k, pixels] of ignored.entries()) {
    const slice = labels[k]!;
    for (let n = 0; n < slice.length; n++) if (pixels[n] === 1) slice[n] = value;
  }
}

function summary(cases: readonly RefinedCase[], plan: RefinementPlan, out: string): string {
  const counts = { refined: 0, "kept-initial": 0, absent: 0 };
  for (const { slices } of cases) {
    for (const { segments } of slices) for (const { outcome } of segments) counts[outcome]++;
  }
  const seconds = cases.reduce((sum, result) => sum + result.seconds, 0) / Math.max(1, cases.length);
  const doubtful = cases.filter(({ decision }) => decision === "needs-review").length;
  const review =
    plan.accept === undefined ? "" : ` ${doubtful} cases hold masks that the plan does not accept; see ignore/.`;
  return (
    `${cases.length} pseudo labels by ${plan.id} in ${out}, ${seconds.toFixed(1)} s per case: ` +
    `${counts.refined} masks refined by SAM, ${counts["kept-initial"]} kept as the U-Net made them.${review} Research use only.`
  );
}
