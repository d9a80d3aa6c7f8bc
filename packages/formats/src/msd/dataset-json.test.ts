import { isRefineError } from "@samrefine/core";
import { expect, test } from "vitest";
import { createMsdDatasetJson, type MsdDatasetOptions } from "./dataset-json.ts";

const options: MsdDatasetOptions = {
  name: "Hippocampus",
  description: "Left and right hippocampus",
  reference: "Vanderbilt",
  licence: "CC-BY-SA 4.0",
  modalities: ["MRI"],
  labels: ["Anterior", "Posterior"],
  trainingCases: ["hippocampus_001"],
  testCases: ["hippocampus_002"],
};

test("is what the Decathlon's own files hold", () => {
  expect(createMsdDatasetJson(options)).toMatchObject({
    tensorImageSize: "3D",
    modality: { "0": "MRI" },
    labels: { "0": "background", "1": "Anterior", "2": "Posterior" },
    numTraining: 1,
    numTest: 1,
    training: [{ image: "./imagesTr/hippocampus_001.nii.gz", label: "./labelsTr/hippocampus_001.nii.gz" }],
    test: ["./imagesTs/hippocampus_002.nii.gz"],
  });
  expect(createMsdDatasetJson({ ...options, modalities: ["T1", "T2"] }).tensorImageSize).toBe("4D");
});

test.each([{ testCases: ["hippocampus_001"] }, { labels: [] }, { modalities: [] }])("refuses %j", (change) => {
  let error: unknown;
  try {
    createMsdDatasetJson({ ...options, ...change });
  } catch (caught) {
    error = caught;
  }
  expect(isRefineError(error, "configuration")).toBe(true);
});
