// The parts of the encoding that a reader of its own needs: dictionary and character sets, without dcmjs.
export { textDecoderFor } from "./dataset/character-set.ts";
export { type DictionaryEntry, entryOfKeyword, entryOfTag } from "./dataset/dictionary.ts";
