/** Colours of the classes in order of label value, told apart by people with colour-blindness too (Okabe and Ito). */
export const classColors: readonly (readonly [red: number, green: number, blue: number])[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [213, 94, 0],
  [204, 121, 167],
  [0, 114, 178],
  [255, 255, 255],
];

export function classColor(labelValue: number): readonly [red: number, green: number, blue: number] {
  return classColors[(labelValue - 1) % classColors.length]!;
}
