// Foreign names, made readable: control characters are shown and have no effect, and no label is longer than a
// screen.

const MAX_LABEL_CHARS = 300;
const CONTROLS = /[\u0000-\u001f\u007f]/g;
// Characters that change the direction of the text around them, or are invisible.
const INVISIBLE = /[\u0080-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

const codePoint = (char) => `⟨U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`;
// Joiners combine emoji, and belong to letters of some scripts; in such places they stay.
const isJoiner = (char) => char === "\u200c" || char === "\u200d";
const named = (char, at, whole) => (isJoiner(char) && at > 0 && whole.charCodeAt(at - 1) > 0x2ff ? char : codePoint(char));

/** A text on one line, for a row or a button. */
export function label(text) {
  const chars = text.length > MAX_LABEL_CHARS ? text.slice(0, MAX_LABEL_CHARS) + "…" : text;
  return chars.replace(/\r?\n/g, "↵").replace(/\t/g, " ").replace(CONTROLS, codePoint).replace(INVISIBLE, named);
}

/** A tag's value; lines and tabs stay. */
export function lines(text) {
  return text.replace(CONTROLS, (char) => (char === "\n" || char === "\t" ? char : codePoint(char))).replace(INVISIBLE, named);
}

/** A number such as `20,000`; the browser's own function takes 30 ms the first time. */
export const thousands = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");

export const plural = (count, one, many = one + "s") => `${thousands(count)} ${count === 1 ? one : many}`;
