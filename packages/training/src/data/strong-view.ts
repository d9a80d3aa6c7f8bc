import type { AugmentationSpec } from "./augmentation.ts";

/** What a strong view adds to the weak one: the grey-value part of methods.md 3.6, on normalised intensities. */
export const STRONG_VIEW: AugmentationSpec = { contrast: 0.8, brightness: 0.8, gamma: 0.5, blur: 2, noise: 0.2 };
