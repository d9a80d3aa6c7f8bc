import type { MaskChoice, Prompt } from "@samrefine/core";

/**
 * Which of the four mask tokens answers a prompt: 0 is trained for unambiguous prompts, 1 to 3 for whole, part and subpart.
 * "auto" takes token 0 when the prompt holds a box, a mask or more than one point.
 *
 * @param ious the model's claims for tokens 0 to 3.
 */
export function chooseToken(choice: MaskChoice, prompt: Prompt, ious: ArrayLike<number>): number {
  const isClear = prompt.box !== undefined || prompt.maskInput !== undefined || (prompt.points?.length ?? 0) > 1;
  if (choice === "token0" || (choice === "auto" && isClear)) return 0;
  let best = 1;
  for (let token = 2; token < ious.length; token++) if (ious[token]! > ious[best]!) best = token;
  return best;
}
