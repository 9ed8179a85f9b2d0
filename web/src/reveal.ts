// Text that others wrote, cut into what can be shown as it is and what must be named to be seen: controls, marks that
// turn the direction of text, letters without a shape, blanks that push something out of sight. Nothing is dropped.

export interface Mark {
  /** Shown in place of the characters. */
  label: string;
  /** Said of it, for whoever points at it or listens. */
  says: string;
  kind: 'control' | 'direction' | 'invisible' | 'blanks' | 'letter';
  /** The characters themselves. */
  of: string;
}
export type Piece = string | Mark;

export const BLANKS = 24; /* in a row, from which on they are counted rather than shown */
const LINES = 4; /* line ends in a row, likewise */

const names: Record<number, string> = {
  0x00: 'NUL', 0x07: 'BEL', 0x08: 'BS', 0x0b: 'VT', 0x0c: 'FF', 0x0d: 'CR', 0x1b: 'ESC', 0x7f: 'DEL', 0x85: 'NEL', 0x9b: 'CSI',
  0xa0: 'NBSP', 0xad: 'SHY', 0x34f: 'CGJ', 0x61c: 'ALM', 0x115f: 'FILLER', 0x1160: 'FILLER', 0x180e: 'MVS', 0x200b: 'ZWSP',
  0x200c: 'ZWNJ', 0x200d: 'ZWJ', 0x200e: 'LRM', 0x200f: 'RLM', 0x2028: 'LSEP', 0x2029: 'PSEP', 0x202a: 'LRE', 0x202b: 'RLE',
  0x202c: 'PDF', 0x202d: 'LRO', 0x202e: 'RLO', 0x2060: 'WJ', 0x2066: 'LRI', 0x2067: 'RLI', 0x2068: 'FSI', 0x2069: 'PDI',
  0x2800: 'BRAILLE BLANK', 0x3000: 'WIDE BLANK', 0x3164: 'FILLER', 0xfeff: 'BOM', 0xffa0: 'FILLER', 0xfffd: 'NO CHARACTER',
};
const turning = new Set([0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069]);

const odd = new RegExp(
  [
    `[ \\t]{${BLANKS},}`,
    `(?:[ \\t]*\\r?\\n){${LINES},}`,
    '\\r\\n',
    '[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}\\p{Co}\\p{Cn}\\p{Cs}\\u{34f}\\u{115f}\\u{1160}\\u{2800}\\u{3164}\\u{ffa0}\\u{fffd}\\u{fe00}-\\u{fe0f}\\u{e0100}-\\u{e01ef}]',
    '\\p{Zs}',
    '\\p{M}{4,}',
  ].join('|'),
  'gu',
);

export const codePoint = (character: string) => `U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`;

function mark(of: string): Piece {
  const first = of.codePointAt(0)!;
  if (of === '\n' || of === '\t' || of === ' ') return of;
  if (of === '\r\n') return '\n';
  if (/^[ \t]+$/.test(of)) return { label: `${of.length} blanks`, says: `${of.length} blanks in a row`, kind: 'blanks', of };
  if (/^[ \t\r\n]+$/.test(of) && of.length > 1) {
    const lines = of.split('\n').length - 1;
    return { label: `${lines - 1} empty lines`, says: `${lines - 1} empty lines in a row`, kind: 'blanks', of };
  }
  if (/^\p{M}{4,}$/u.test(of)) {
    const n = [...of].length;
    return { label: `${n} accents`, says: `${n} combining marks on one letter`, kind: 'invisible', of };
  }
  const name = names[first];
  const label = name ?? codePoint(of);
  const says = name ? `${name}, ${codePoint(of)}` : codePoint(of);
  if (turning.has(first)) return { label, says: `${says}: turns the direction of text`, kind: 'direction', of };
  if (/^\p{Cc}$/u.test(of)) return { label: name ?? codePoint(of), says: `control character ${says}`, kind: 'control', of };
  return { label, says: `invisible or unusual character ${says}`, kind: 'invisible', of };
}

export function reveal(text: string): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (const match of text.matchAll(odd)) {
    const piece = mark(match[0]);
    if (piece === match[0]) continue;
    if (match.index > from) pieces.push(text.slice(from, match.index));
    pieces.push(piece);
    // A run of empty lines still ends the line that it stands behind.
    if (typeof piece !== 'string' && piece.kind === 'blanks' && piece.of.includes('\n')) pieces.push('\n');
    from = match.index + match[0].length;
  }
  if (from < text.length) pieces.push(text.slice(from));
  return pieces;
}

/** The same as one text, for places that hold no elements: titles, labels, what can be chosen. */
export function flat(text: string): string {
  return reveal(text)
    .map((piece) => (typeof piece === 'string' ? piece : `‹${piece.label}›`))
    .join('');
}

const plain: Record<Mark['kind'], [string, string]> = {
  control: ['control character', 'control characters'],
  direction: ['mark that turns the direction of text', 'marks that turn the direction of text'],
  invisible: ['invisible or unusual character', 'invisible or unusual characters'],
  blanks: ['long run of blanks or empty lines', 'long runs of blanks or empty lines'],
  letter: ['letter that is not ASCII, outside of strings and comments', 'letters that are not ASCII, outside of strings and comments'],
};

/** What a reader should be told about a text before they read it; empty where it is as it looks. */
export function oddities(pieces: Iterable<Piece>): string[] {
  const found = new Map<Mark['kind'], number>();
  for (const piece of pieces) if (typeof piece !== 'string') found.set(piece.kind, (found.get(piece.kind) ?? 0) + 1);
  return [...found].map(([kind, n]) => `${n} ${plain[kind][n === 1 ? 0 : 1]}`);
}
