import { join } from "node:path";
import type { Command } from "commander";
import { reportFailures, runCases } from "../cases/run-cases.ts";
import { type CaseSelection, casesOption, selectCases } from "../cases/select-cases.ts";
import { addCommonOptions, type CommandContext, type CommonOptions, writeJson } from "../command-context.ts";
import { openDataset } from "../dataset/open-dataset.ts";
import { writeLabelMap, writeProbabilityMap } from "../dataset/write-case.ts";
import {
  exclusiveLabels,
  proposeCase,
  requireSameLabels,
  toNativeGrid,
  toNativeProbabilities,
} from "../models/propose.ts";

interface PredictOptions extends CommonOptions {
  readonly model: string;
  readonly dataset: string;
  readonly split?: string;
  readonly cases: CaseSelection;
  readonly out: string;
  readonly probabilities?: boolean;
}

export function registerPredict(program: Command, context: CommandContext): void {
  const command = program
    .command("predict")
    .description("Segment the cases of a data set with a U-Net; label maps in the data set's own format and size.")
    .requiredOption("--model <manifest>", "manifest.json of the U-Net")
    .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set")
    .option("--split <file>", "another split than the data set's split.json")
    .addOption(casesOption("val"))
    .requiredOption("--out <folder>", "where the label maps go")
    .option("--probabilities", "also write a probability map per class");
  addCommonOptions(command).action((options: PredictOptions) => predict(options, context));
}

async function predict(options: PredictOptions, context: CommandContext): Promise<void> {
  const { openEngine, openUnet } = await import("../models/open-models.ts");
  const dataset = await openDataset(options.dataset, { split: options.split });
  const ids = selectCases(dataset, options.cases);
  const engine = await openEngine(options);
  try {
    const unet = await openUnet(engine, options.model, context);
    requireSameLabels(dataset, unet.manifest);
    const { results, failures } = await runCases("Segmenting", ids, context, async (id) => {
      const started = performance.now();
      const image = await dataset.readCase(id);
      const proposals = await proposeCase(image, unet, { testTimeAugmentation: "none", signal: context.signal });
      const native = await Promise.all(
        proposals.map((stack, k) => toNativeGrid(stack, image.slices[k]!, context.signal)),
      );
      const file = await writeLabelMap(dataset, image, native.map(exclusiveLabels), options.out);
      if (options.probabilities === true) {
        const probabilities = proposals.map((stack, k) => toNativeProbabilities(stack, image.slices[k]!));
        for (const [index, { name }] of dataset.labels.entries()) {
          const slices = probabilities.map((classes) => classes[index]!);
          await writeProbabilityMap(dataset, image, name, slices, join(options.out, "probabilities"));
        }
      }
      return { id, file, seconds: (performance.now() - started) / 1000 };
    });
    const seconds = results.reduce((sum, result) => sum + result.seconds, 0) / Math.max(1, results.length);
    context.terminal.print(
      `${results.length} label maps in ${options.out}, ${seconds.toFixed(2)} s per case, ${engine.backend.description}. Research use only.`,
    );
    if (options.json !== undefined) {
      await writeJson(options.json, {
        command: "predict",
        model: { id: unet.manifest.id, digest: unet.segmenter.digest },
        backend: engine.backend,
        cases: results,
        failures,
      });
    }
    reportFailures(failures, ids.length, context);
  } finally {
    await engine.dispose();
  }
}
