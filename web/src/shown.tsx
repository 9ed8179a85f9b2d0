// Showing text that others wrote. Everything goes through reveal(): nothing is HTML, nothing is hidden without a word.
import { useMemo, useState } from 'preact/hooks';
import { count, plural } from './format';
import { oddities, reveal, type Piece } from './reveal';
import { putIn, tokenPieces, tokens } from './sql';

function Pieces({ of }: { of: Piece[] }) {
  return (
    <>
      {of.map((piece, i) =>
        typeof piece === 'string' ? (
          piece
        ) : piece.kind === 'letter' ? (
          <mark key={i} class="odd-letter" title={piece.says}>
            {piece.label}
          </mark>
        ) : (
          <mark key={i} class={`odd odd-${piece.kind}`} title={piece.says}>
            {piece.label}
          </mark>
        ),
      )}
    </>
  );
}

/** A short text in a line: a name, an address, a message. */
export function Shown({ text, most = 4000 }: { text: string | null | undefined; most?: number }) {
  if (!text) return null;
  const cut = text.length > most;
  return (
    <bdi class="shown">
      <Pieces of={reveal(cut ? text.slice(0, most) : text)} />
      {cut && <span class="more-said">… {plural(text.length - most, 'more character')}</span>}
    </bdi>
  );
}

/** A text of several lines, as it was written. */
export function Prose({ text, most = 3000 }: { text: string; most?: number }) {
  const [whole, setWhole] = useState(false);
  const cut = !whole && text.length > most + 400;
  return (
    <div class="prose">
      <bdi>
        <Pieces of={reveal(cut ? text.slice(0, most) : text)} />
      </bdi>
      {cut && (
        <button type="button" class="link more-said" onClick={() => setWhole(true)}>
          … show {plural(text.length - most, 'more character')}
        </button>
      )}
    </div>
  );
}

const COLOURED = 200_000; /* characters; what is longer is shown without colours */

function Code({ text, from }: { text: string; from?: string | undefined }) {
  const marks = useMemo(() => (from === undefined || text.length > COLOURED ? undefined : putIn(tokens(from), tokens(text))), [text, from]);
  if (text.length > COLOURED) return <Pieces of={reveal(text)} />;
  return (
    <>
      {tokens(text).map((token, i) => {
        const plain = <Pieces of={tokenPieces(token)} />;
        const pieces = marks?.[i] ? <ins key={i}>{plain}</ins> : plain;
        const kind = token.key ? 'key' : token.kind;
        return kind === 'word' || kind === 'blank' ? (
          pieces
        ) : (
          <span key={i} class={`sql-${kind}`}>
            {pieces}
          </span>
        );
      })}
    </>
  );
}

/** What to know of a text before reading it. */
export function sqlOddities(text: string): string[] {
  return oddities(text.length > COLOURED ? reveal(text) : tokens(text).flatMap(tokenPieces));
}

/** Where a long text is cut: its first lines and its last, with what lies between said in words. */
function cutLines(text: string, lines: number): { head: string; between: string; tail: string } | undefined {
  const most = lines * 400;
  // Padding is counted, not shown: it is no reason to cut.
  const dense = text.replace(/(?:[ \t]*\r?\n){4,}/g, '\n\n').replace(/[ \t]{24,}/g, ' ');
  if (dense.split('\n').length <= lines + 4 && dense.length <= most) return undefined;
  const all = text.split('\n');
  let head = all.slice(0, Math.ceil(lines * 0.7)).join('\n');
  let tail = all.length > lines ? all.slice(-Math.floor(lines * 0.3)).join('\n') : '';
  if (head.length > most * 0.7) head = text.slice(0, Math.floor(most * 0.7));
  if (!tail || tail.length > most * 0.3) tail = text.slice(-Math.floor(most * 0.3));
  const hidden = text.length - head.length - tail.length;
  if (hidden < 200) return undefined;
  const between = text.slice(head.length, text.length - tail.length);
  return { head, tail, between: `${plural(between.split('\n').length, 'line')}, ${plural(hidden, 'character')}` };
}

/** A statement. Long ones show their beginning and their end, and a button between. from: the text that it was made from;
 *  what it has besides is marked. */
export function Sql({ text, lines = 40, onWhole, label = 'SQL', from }: { text: string; lines?: number; onWhole?: () => void; label?: string; from?: string }) {
  const [whole, setWhole] = useState(false);
  const cut = whole ? undefined : cutLines(text, lines);
  if (!cut)
    return (
      <pre class="sql" dir="ltr" tabIndex={0} aria-label={label}>
        <code>
          <Code text={text} from={from} />
        </code>
      </pre>
    );
  return (
    <pre class="sql" dir="ltr" tabIndex={0} aria-label={label}>
      <code>
        <Code text={cut.head} />
      </code>
      <button
        type="button"
        class="gap"
        onClick={() => {
          setWhole(true);
          onWhole?.();
        }}
      >
        {cut.between} not shown here. Show all
      </button>
      <code class="cut-tail">
        <Code text={cut.tail} />
      </code>
    </pre>
  );
}

/** Whether Sql would cut this text. */
export const isCut = (text: string, lines: number) => cutLines(text, lines) !== undefined;

/** A statement on one line of a list. */
export function SqlLine({ text, most = 200 }: { text: string; most?: number }) {
  const line = text.replace(/[ \t\r\n]+/g, ' ').trim();
  const cut = line.length > most;
  return (
    <code class="sql-line" dir="ltr">
      <Code text={cut ? line.slice(0, most) : line} />
      {cut && <span class="more-said">… +{count(line.length - most)} characters</span>}
    </code>
  );
}
