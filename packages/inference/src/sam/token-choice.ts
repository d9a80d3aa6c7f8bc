import type { MaskChoice, Prompt } from "@samrefine/core";

/**
 * Which of the mask tokens answers a prompt: 0 is trained for unambiguous prompts, 1 to 3 for whole, part and subpart.
 * "token1" to "token3" name one of the three. "auto" takes token 0 when the prompt
 * holds a box, a mask or more than one point, and the decoder gives it. That is the rule of segment-anything's single-mask
 * export but for one thing: the export, which counts points and box corners, takes the best of the three for a box alone and
 * for a click with a mask; a box is no ambiguous prompt (methods 4.2), nor is a click that corrects a mask.
 *
 * @param ious the model's claims, one per token.
 * @param tokens the numbers of the tokens that the decoder gives, in the order of the claims.
 * @returns position of the token in `tokens`.
 */
export function chooseToken(
  choice: MaskChoice,
  prompt: Prompt,
  ious: ArrayLike<number>,
  tokens: readonly number[],
): number {
  const wanted = tokens.indexOf(Number(/^token([123])$/.exec(choice)?.[1] ?? Number.NaN));
  if (wanted >= 0) return wanted;
  const isClear = prompt.box !== undefined || prompt.maskInput !== undefined || (prompt.points?.length ?? 0) > 1;
  const single = tokens.indexOf(0);
  if (single >= 0 && (choice === "token0" || (choice !== "bestOf3" && isClear))) return single;
  let best = -1;
  for (let i = 0; i < tokens.length; i++) {
    if (i !== single && (best < 0 || ious[i]! > ious[best]!)) best = i;
  }
  return best;
}
