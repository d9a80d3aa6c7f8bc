import { describe, expect, test } from "vitest";
import { isRefineError } from "../errors.ts";
import { parsePlan } from "./parse-plan.ts";
import { presetPlan, refinementPresets } from "./presets.ts";

const plain = (value: unknown): Record<string, unknown> => JSON.parse(JSON.stringify(value));

/** The place that an invalid plan is refused at. */
function refusedAt(value: unknown): unknown {
  try {
    parsePlan(value);
  } catch (error) {
    if (isRefineError(error, "invalid-plan")) return error.details.path;
    throw error;
  }
  return "accepted";
}

describe("parsePlan", () => {
  test("every preset survives JSON unchanged", () => {
    for (const [id, plan] of refinementPresets) {
      expect(parsePlan(plain(plan))).toEqual(plan);
      expect(plan.id).toBe(id);
    }
  });

  test("names the place of an unknown key at every depth", () => {
    const plan = plain(presetPlan("ours-largest"));
    expect(refusedAt({ ...plan, samWieght: 0.5 })).toBe("samWieght");
    expect(refusedAt({ ...plan, passes: [{ maskInput: "from-mask", maskScale: 1, seed: 3 }] })).toBe("passes[0].seed");
    expect(
      refusedAt({
        ...plan,
        passes: [{ maskInput: "none", maskScale: 1, box: { marginPixels: 0, marginFraction: 0, margin: 1 } }],
      }),
    ).toBe("passes[0].box.margin");
    expect(refusedAt({ ...plan, cleanUp: [{ kind: "fill-holes", keep: "all" }] })).toBe("cleanUp[0].keep");
  });

  test("what makes sense only together is refused apart", () => {
    const plan = plain(presetPlan("semisam-paper"));
    const pass = { maskInput: "zeros", maskScale: 1 };
    expect(refusedAt({ ...plan, passes: [{ ...pass, errorClicks: "newest", foreground: "centroid" }] })).toBe(
      "passes[0].errorClicks",
    );
    expect(refusedAt({ ...plan, passes: [{ ...pass, foreground: "centroid", repeat: 3 }] })).toBe("passes[0].repeat");
    expect(refusedAt({ ...plan, passes: [pass] })).toBe("passes[0]");
    expect(refusedAt({ ...plan, priority: [1, 2] })).toBe("priority");
    expect(refusedAt({ ...plan, fusion: "priority", priority: [1, 0] })).toBe("priority[1]");
    expect(refusedAt({ ...plan, quality: "calibrated" })).toBe("qualityModel");
    const gate = { kind: "maximum-probability", minimum: 0.9 };
    expect(refusedAt({ ...plan, binarise: { kind: "threshold" } })).toBe("accepted");
    expect(refusedAt({ ...plan, binarise: { kind: "threshold", gate } })).toBe("binarise.gate");
    expect(refusedAt({ ...plan, accept: { minimumQuality: 2 } })).toBe("accept.minimumQuality");
    const volume = plain(presetPlan("propagate-medsam")).volume as Record<string, unknown>;
    expect(refusedAt({ ...plan, volume: { ...volume, stop: {} } })).toBe("volume.stop.minimumArea");
    expect(refusedAt({ ...plan, volume: { mode: "three-planes", from: "key-slice" } })).toBe("volume.from");
    expect(refusedAt({ ...plan, volume: { ...volume, meet: "agreement" } })).toBe("volume.meet");
    expect(refusedAt({ ...plan, volume: { ...volume, from: "every-slice", meet: "agreement" } })).toBe("accepted");
    const component = { keep: "largest", minimumVoxels: 9, connectivity: 18 };
    for (const rule of [volume, { mode: "three-planes" }, { mode: "slice-wise" }]) {
      expect(parsePlan({ ...plan, volume: { ...rule, component } }).volume).toEqual({ ...rule, component });
    }
    expect(refusedAt({ ...plan, volume: { ...volume, component: { ...component, connectivity: 8 } } })).toBe(
      "volume.component.connectivity",
    );
    expect(refusedAt({ ...plan, volume: { ...volume, component: { keep: "all" } } })).toBe(
      "volume.component.minimumVoxels",
    );
    expect(refusedAt({ ...plan, cleanUp: [{ kind: "random-walker", sigma: 0 }] })).toBe("cleanUp[0].sigma");
  });

  test("a crop says around what, how wide and how large at least, and needs a plan that asks SAM", () => {
    const plan = plain(presetPlan("ours-zoomed"));
    const crop = plan.encode as Record<string, unknown>;
    expect(refusedAt({ ...plan, encode: { ...crop, kind: "tile" } })).toBe("encode.kind");
    expect(refusedAt({ ...plan, encode: { ...crop, around: "image" } })).toBe("encode.around");
    expect(refusedAt({ ...plan, encode: { ...crop, marginFraction: -0.1 } })).toBe("encode.marginFraction");
    expect(refusedAt({ ...plan, encode: { ...crop, minimumSide: 0.5 } })).toBe("encode.minimumSide");
    expect(refusedAt({ ...plan, encode: { ...crop, margin: 4 } })).toBe("encode.margin");
    expect(refusedAt({ ...plan, passes: [] })).toBe("encode");
    expect(refusedAt({ ...plan, encode: { ...crop, around: "all-objects" } })).toBe("accepted");
  });

  test("exceptions: each segment once, and nothing that the plan itself could not do", () => {
    const ours = plain(presetPlan("ours"));
    const refused = (...exceptions: readonly object[]): unknown => refusedAt({ ...ours, exceptions });
    expect(refused({ segments: [2], passes: [] }, { segments: [1], samWeight: 1, target: "component" })).toBe(
      "accepted",
    );
    expect(refused({ passes: [] })).toBe("exceptions[0].segments");
    expect(refused({ segments: [0] })).toBe("exceptions[0].segments[0]");
    expect(refused({ segments: [1, 2] }, { segments: [2] })).toBe("exceptions[1].segments");
    expect(refused({ segments: [1], seed: 3 })).toBe("exceptions[0].seed");
    const empty = { maskInput: "none", maskScale: 1 };
    expect(refused({ segments: [1], passes: [empty] })).toBe("exceptions[0].passes[0]");
    const raw = plain(presetPlan("raw"));
    expect(refusedAt({ ...raw, exceptions: [{ segments: [1], passes: ours.passes }] })).toBe("exceptions[0].passes");
    const walker = plain(presetPlan("scb-rw"));
    expect(refusedAt({ ...walker, exceptions: [{ segments: [1], cleanUp: [] }] })).toBe("exceptions[0].cleanUp");
  });

  test("names the place of a wrong value", () => {
    const plan = plain(presetPlan("scb-asRun"));
    expect(refusedAt(null)).toBe("plan");
    expect(refusedAt([])).toBe("plan");
    expect(refusedAt({ ...plan, schema: "samrefine-plan/2" })).toBe("schema");
    expect(refusedAt({ ...plan, id: " " })).toBe("id");
    expect(refusedAt({ ...plan, samWeight: 1.1 })).toBe("samWeight");
    expect(refusedAt({ ...plan, probabilityThreshold: 0 })).toBe("probabilityThreshold");
    expect(refusedAt({ ...plan, seed: 1.5 })).toBe("seed");
    expect(refusedAt({ ...plan, seed: Number.NaN })).toBe("seed");
    expect(refusedAt({ ...plan, passes: "box" })).toBe("passes");
    expect(refusedAt({ ...plan, passes: [null] })).toBe("passes[0]");
    expect(refusedAt({ ...plan, fusion: "arg-max" })).toBe("fusion");
    expect(refusedAt({ ...plan, rings: [{ ring: 2, inner: 2 }] })).toBe("rings[0].inner");
    expect(
      refusedAt({ ...plan, cleanUp: [{ kind: "morphology", operation: "dilate", element: "square", radius: 0.5 }] }),
    ).toBe("cleanUp[0].radius");
    const { note: _note, ...withoutNote } = plan;
    expect(refusedAt(withoutNote)).toBe("note");
  });

  test("refuses passes that mean nothing", () => {
    const plan = plain(presetPlan("scb-asRun"));
    const box = { marginPixels: 0, marginFraction: 0 };
    expect(refusedAt({ ...plan, passes: [{ maskInput: "previous-pass", maskScale: 1, box }] })).toBe(
      "passes[0].maskInput",
    );
    expect(refusedAt({ ...plan, passes: [{ maskInput: "none", maskScale: 1, background: "other-classes" }] })).toBe(
      "passes[0]",
    );
    expect(
      refusedAt({ ...plan, passes: [{ maskInput: "none", maskScale: 1, foreground: "centroid", foregroundCount: 3 }] }),
    ).toBe("passes[0].foregroundCount");
    expect(
      refusedAt({ ...plan, passes: [{ maskInput: "none", maskScale: 1, box: { ...box, pixelFrame: "image" } }] }),
    ).toBe("passes[0].box.pixelFrame");
  });

  test("evidence survives JSON unchanged, and what is wrong in it is named", () => {
    const arm = { plan: "raw", usesSam: false, dice: 0.9, difference: 0, interval: { lower: 0.85, upper: 0.95 } };
    const evidence = {
      summary: "SAM refinement is off.",
      dataset: "teeth",
      cases: ["a", "b"],
      model: "unet-tooth 1",
      arms: [arm, { plan: "ours", usesSam: true, dice: 0.88, difference: -0.02 }],
      command: "samrefine calibrate",
    };
    const plan = { ...presetPlan("raw"), evidence };
    expect(parsePlan(plain(plan))).toEqual(plan);
    expect(refusedAt({ ...plan, evidence: { ...evidence, why: "so" } })).toBe("evidence.why");
    expect(refusedAt({ ...plan, evidence: { ...evidence, cases: ["a", 2] } })).toBe("evidence.cases[1]");
    expect(refusedAt({ ...plan, evidence: { ...evidence, arms: [{ ...arm, usesSam: "no" }] } })).toBe(
      "evidence.arms[0].usesSam",
    );
    expect(
      refusedAt({ ...plan, evidence: { ...evidence, arms: [{ ...arm, interval: { lower: 85, upper: 95 } }] } }),
    ).toBe("evidence.arms[0].interval.lower");
  });

  test("keys of Object.prototype are no plan", () => {
    expect(refusedAt(Object.create(plain(presetPlan("raw"))))).toBe("schema");
  });

  test("an unknown preset is answered with the known ones", () => {
    expect(() => presetPlan("best")).toThrow(/no preset best/);
  });
});
