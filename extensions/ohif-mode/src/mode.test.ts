import { describe, expect, it } from "vitest";
import type { HostModeInstance, ToolGroupContext } from "./host-types.ts";
import { createMode, deriveModeInstance, MODE_ID } from "./mode.ts";

const names = {
  panel: "ext.panelModule.p",
  samRefineTool: "T",
  promptTools: ["Point", "Box"],
  nextFlaggedCommand: "next",
  markReviewedCommand: "reviewed",
  deletePromptCommand: "delete",
  otherMaskCommand: "other",
};

function instance(overrides: Partial<HostModeInstance> = {}): HostModeInstance {
  return {
    extensions: { "@ohif/extension-default": "^3.0.0" },
    toolbarButtons: [{ $reference: "stock" }],
    toolbarSections: [{ $reference: "stockSections" }],
    routes: [{ layoutInstance: { id: "layout", props: { leftPanels: ["l"], rightPanels: ["stock"] } } }],
    initToolGroups() {},
    onModeEnter() {},
    hangingProtocol: ["@ohif/mnGrid"],
    ...overrides,
  };
}

describe("deriveModeInstance", () => {
  it("puts our panel first and keeps what the stock mode had", () => {
    const mode = deriveModeInstance(instance(), instance(), names);
    expect(mode.routes[0]?.layoutTemplate?.().props.rightPanels).toEqual(["ext.panelModule.p", "stock"]);
    expect(mode.hangingProtocol).toEqual(["@ohif/mnGrid"]);
    expect(mode.toolbarButtons).toHaveLength(2);
    expect(mode.toolbarSections.at(-1)).toMatchObject({ primary: expect.arrayContaining(["T"]) });
  });

  it("leaves out the stock tools that download models", () => {
    const sections = deriveModeInstance(instance(), instance(), names).toolbarSections.at(-1) as Record<
      string,
      string[]
    >;
    expect(sections.LabelMapTools).not.toContain("MarkerLabelmap");
    expect(sections.LabelMapTools).not.toContain("LabelmapSlicePropagation");
  });

  it("adds our tools after the stock tool groups exist", () => {
    const calls: string[] = [];
    const stock = instance({ initToolGroups: () => calls.push("stock") });
    const context: ToolGroupContext = {
      toolGroupService: {
        addToolsToToolGroup: (id, tools) => calls.push(`${id}:${tools.passive?.map((t) => t.toolName).join()}`),
      },
    };
    deriveModeInstance(stock, instance(), names).initToolGroups(context);
    expect(calls).toEqual(["stock", "default:T,Point,Box", "mpr:T,Point,Box"]);
  });

  it("keeps the host from writing an old list of segments back, and binds our keys", () => {
    const { modeCustomizations } = deriveModeInstance(instance(), instance(), names);
    expect(modeCustomizations).toMatchObject({
      "panelSegmentation.disableUpdateSegmentationStats": { $set: true },
      "ohif.hotkeyBindings": {
        $push: expect.arrayContaining(["j", "k"].map((key) => expect.objectContaining({ keys: [key] }))),
      },
    });
  });

  it("tells of its end before the stock mode destroys the segmentations", () => {
    const calls: string[] = [];
    const stock = instance({ onModeExit: () => calls.push("stock") });
    deriveModeInstance(stock, instance(), { ...names, onLeave: () => calls.push("ours") }).onModeExit?.({});
    expect(calls).toEqual(["ours", "stock"]);
  });

  it("enters as the basic mode does, so that our panel is not switched away", () => {
    const basic = instance();
    expect(deriveModeInstance(instance(), basic, names).onModeEnter).toBe(basic.onModeEnter);
  });
});

describe("createMode", () => {
  it("asks the host for both stock modes and never lists our extension", async () => {
    const asked: string[] = [];
    const mode = await createMode(async (name) => {
      asked.push(name);
      return { modeInstance: instance() };
    }, names);
    expect(asked).toEqual(["@ohif/mode-segmentation", "@ohif/mode-basic"]);
    expect(mode.id).toBe(MODE_ID);
    expect(Object.keys(mode.extensionDependencies as object)).toEqual(["@ohif/extension-default"]);
  });
});
