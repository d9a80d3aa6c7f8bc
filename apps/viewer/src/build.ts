import { copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { isRefineError } from "@samrefine/core";
import { withBuildLock } from "./assembly/build-lock.ts";
import { assembleDemo, demoSources } from "./assembly/demo.ts";
import { assembleExtension, extensionSources } from "./assembly/extension.ts";
import { assembleModels, modelSources } from "./assembly/models.ts";
import { assembleOhif } from "./assembly/ohif.ts";
import { type BuildStage, runStage } from "./assembly/stamp.ts";
import { fetchOhif, ohifVersion } from "./fetch-ohif.ts";
import { defaultLayout, repositoryDirectory, type ViewerLayout, viewerDirectory } from "./locations.ts";

export interface BuildOptions {
  readonly layout?: ViewerLayout;
  readonly log: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
  /** Go on with OHIF's own modes when the extension does not build; for work on the extension. */
  readonly allowStock?: boolean;
}

/**
 * Puts the viewer together in `dist/`: OHIF, our configuration, our bundle, the models, the demo studies. Each stage runs
 * only when what it is made from has changed, so a second call takes a moment.
 *
 * @throws RefineError `viewer-assembly` saying which part failed and what to do
 */
export async function buildViewer(options: BuildOptions): Promise<void> {
  const layout = options.layout ?? defaultLayout;
  const onWait = (): void => options.log("Another build is running; waiting for it");
  await withBuildLock(layout.stamps, options.signal, onWait, () => buildStages(layout, options));
}

async function buildStages(layout: ViewerLayout, options: BuildOptions): Promise<void> {
  await mkdir(layout.web, { recursive: true });
  // The demo is drawn by workers, so the rest need not wait for it.
  await Promise.all([
    runStages(webStages(layout, options), layout, options),
    runStages([demoStage(layout)], layout, options),
  ]);
}

async function runStages(stages: readonly BuildStage[], layout: ViewerLayout, options: BuildOptions): Promise<void> {
  for (const stage of stages) {
    options.signal?.throwIfAborted();
    const started = performance.now();
    try {
      if (await runStage(stage, layout.stamps)) {
        options.log(`${stage.name}: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
      }
    } catch (error) {
      // OHIF without our bundle is still a viewer, and its configuration says on the page's console what is missing.
      const tolerated = options.allowStock === true && stage.name === "extension";
      if (!tolerated || !isRefineError(error, "viewer-assembly")) throw error;
      options.log(`${error.message}\n${error.hint}\nOHIF starts with its own modes only.`);
    }
  }
}

function demoStage(layout: ViewerLayout): BuildStage {
  const assembly = join(viewerDirectory, "src", "assembly");
  return {
    name: "demo",
    inputs: { contents: [...demoSources, join(assembly, "demo.ts"), join(assembly, "demo-study.worker.ts")] },
    outputs: [layout.demo],
    run: () => assembleDemo(layout.demo),
  };
}

function webStages(layout: ViewerLayout, options: BuildOptions): readonly BuildStage[] {
  const assembly = join(viewerDirectory, "src", "assembly");
  const bundle = join(layout.web, "samrefine");
  const models = join(bundle, "models");
  return [
    {
      name: "ohif",
      inputs: {
        values: [ohifVersion],
        contents: [
          join(assembly, "ohif.ts"),
          join(assembly, "compress.ts"),
          join(viewerDirectory, "src", "fetch-ohif.ts"),
        ],
      },
      outputs: [join(layout.web, "index.html")],
      run: async () => {
        const { cache: cacheDirectory } = layout;
        const { signal, log } = options;
        await assembleOhif(await fetchOhif({ cacheDirectory, signal, log }), layout.web);
      },
    },
    {
      name: "configuration",
      // After OHIF, which clears the folder.
      inputs: { contents: [join(viewerDirectory, "web"), join(layout.stamps, "ohif.sha256")] },
      outputs: [join(layout.web, "app-config.js")],
      run: () => copyFile(join(viewerDirectory, "web", "app-config.js"), join(layout.web, "app-config.js")),
    },
    {
      name: "extension",
      inputs: { contents: [...extensionSources, join(assembly, "extension.ts"), join(assembly, "bundle-size.ts")] },
      outputs: [join(bundle, "index.js")],
      run: () => assembleExtension(bundle, ["models"], options.log),
    },
    {
      name: "models",
      inputs: {
        contents: [
          join(assembly, "models.ts"),
          // The default SAM is written by these.
          join(repositoryDirectory, "packages", "models", "src"),
          join(repositoryDirectory, "packages", "inference", "src", "default-sam.ts"),
        ],
        listings: [modelSources],
      },
      outputs: [join(models, "index.json")],
      run: async () => {
        await assembleModels(models);
      },
    },
  ];
}

if (import.meta.main) {
  await buildViewer({ log: (message) => process.stdout.write(`${message}\n`) });
}
