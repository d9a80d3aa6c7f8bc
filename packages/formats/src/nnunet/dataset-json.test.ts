import { expect, test } from "vitest";
import { createNnunetDatasetJson, nnunetPaths } from "./dataset-json.ts";

const options = {
  name: "pseudo",
  channelName: "CT",
  labels: ["liver", "spleen"],
  withIgnoreLabel: true,
  trainingCases: 7,
  fileEnding: ".nii.gz",
} as const;

test("ignore is the highest label, background 0", () => {
  expect(createNnunetDatasetJson(options)).toEqual({
    name: "pseudo",
    channel_names: { 0: "CT" },
    labels: { background: 0, liver: 1, spleen: 2, ignore: 3 },
    numTraining: 7,
    file_ending: ".nii.gz",
  });
  expect(createNnunetDatasetJson({ ...options, withIgnoreLabel: false }).labels).not.toHaveProperty("ignore");
});

test.each([[["ignore"]], [["background"]], [["liver", "liver"]], [[]]])("refuses the labels %j", (labels) => {
  expect(() => createNnunetDatasetJson({ ...options, labels })).toThrow();
});

test("paths follow nnU-Net's names", () => {
  expect(nnunetPaths("case_1", ".png")).toEqual({ image: "imagesTr/case_1_0000.png", label: "labelsTr/case_1.png" });
});
