// SQL cut into tokens for colours, by PostgreSQL's rules for strings, comments and names. It decides nothing.
import { codePoint, reveal, type Mark, type Piece } from './reveal';

export type TokenKind = 'comment' | 'string' | 'name' | 'word' | 'number' | 'parameter' | 'sign' | 'blank';
export interface Token {
  kind: TokenKind;
  text: string;
  key: boolean;
}

const keys = new Set(
  `ABORT ADD AFTER ALL ALTER ANALYZE AND ANY ARRAY AS ASC BEGIN BETWEEN BY CALL CASCADE CASE CAST CHECK CLOSE COLLATE COLUMN COMMENT COMMIT
  CONCURRENTLY CONFLICT CONSTRAINT COPY CREATE CROSS CURRENT_DATE CURRENT_TIMESTAMP CURRENT_USER CURSOR DATABASE DEALLOCATE DECLARE DEFAULT DELETE DESC
  DISTINCT DO DROP ELSE END EXCEPT EXECUTE EXISTS EXPLAIN EXTENSION FALSE FETCH FILTER FOR FOREIGN FROM FULL FUNCTION GRANT GROUP HAVING IF ILIKE IN INDEX INNER
  INSERT INTERSECT INTO IS ISNULL JOIN KEY LATERAL LEFT LIKE LIMIT LISTEN LOCK MATERIALIZED MERGE NATURAL NOT NOTHING NOTIFY NOTNULL NULL NULLS OF OFFSET ON ONLY
  OR ORDER OUTER OVER OWNER PARTITION POLICY PREPARE PRIMARY PROCEDURE REFERENCES REFRESH REINDEX RELEASE RENAME RESET RETURNING REVOKE RIGHT ROLE ROLLBACK ROW
  ROWS SAVEPOINT SCHEMA SELECT SEQUENCE SET SHOW SIMILAR SOME START TABLE TABLESPACE TEMP TEMPORARY THEN TO TRANSACTION TRIGGER TRUE TRUNCATE TYPE UNION UNIQUE
  UNLISTEN UNLOGGED UPDATE USER USING VACUUM VALUES VIEW WHEN WHERE WINDOW WITH WITHIN WITHOUT`.split(/\s+/),
);

const token = new RegExp(
  [
    String.raw`(?<blank>[ \t\r\n\f\v]+)`,
    String.raw`(?<comment>--[^\n\r]*)`,
    String.raw`(?<open>/\*)`,
    String.raw`(?<string>[eE]'[^'\\]*(?:(?:\\[\s\S]|'')[^'\\]*)*(?:'|$)|(?:[bBxXnN]|[uU]&)?'[^']*(?:''[^']*)*(?:'|$))`,
    String.raw`(?<dollar>\$(?:[A-Za-z_\u0080-\u{10ffff}][\w\u0080-\u{10ffff}]*)?\$)`,
    String.raw`(?<name>(?:[uU]&)?"[^"]*(?:""[^"]*)*(?:"|$))`,
    String.raw`(?<parameter>\$\d+)`,
    String.raw`(?<number>(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)`,
    String.raw`(?<word>[A-Za-z_\u0080-\u{10ffff}][\w$\u0080-\u{10ffff}]*)`,
    String.raw`(?<sign>[\s\S])`,
  ].join('|'),
  'yu',
);

/** The end of a block comment that begins at `at`; they nest. */
function commentEnd(text: string, at: number): number {
  let depth = 0;
  const edge = /\/\*|\*\//g;
  edge.lastIndex = at;
  for (let match = edge.exec(text); match; match = edge.exec(text)) {
    depth += match[0] === '/*' ? 1 : -1;
    if (!depth) return edge.lastIndex;
  }
  return text.length;
}

export function tokens(text: string): Token[] {
  const found: Token[] = [];
  for (let at = 0; at < text.length; ) {
    token.lastIndex = at;
    const groups = token.exec(text)?.groups;
    let kind: TokenKind = 'sign';
    let end = at + 1;
    if (groups) {
      const [name, value] = Object.entries(groups).find(([, part]) => part !== undefined) as [string, string];
      end = at + value.length;
      if (name === 'open') {
        kind = 'comment';
        end = commentEnd(text, at);
      } else if (name === 'dollar') {
        kind = 'string';
        const close = text.indexOf(value, end);
        end = close < 0 ? text.length : close + value.length;
      } else {
        kind = name as TokenKind;
      }
    }
    const part = text.slice(at, end);
    const last = found.at(-1);
    if (kind === 'sign' && last?.kind === 'sign') last.text += part;
    else found.push({ kind, text: part, key: kind === 'word' && keys.has(part.toUpperCase()) });
    at = end;
  }
  return found;
}

const MOST = 1_000_000; /* comparisons of tokens; beyond, nothing is marked */

/** Which tokens of `after` are not of `before`, from which it was made by putting in and taking out. */
export function putIn(before: Token[], after: Token[]): boolean[] {
  const old = before.filter((one) => one.kind !== 'blank');
  const width = old.length + 1;
  const marks = after.map(() => false);
  if (width * after.length > MOST) return marks;
  // longest[i * width + j]: how many tokens the rest of after from i has in common with that of old from j.
  const longest = new Uint16Array((after.length + 1) * width);
  for (let i = after.length - 1; i >= 0; i--)
    for (let j = old.length - 1; j >= 0; j--)
      longest[i * width + j] = after[i]!.text === old[j]!.text ? longest[(i + 1) * width + j + 1]! + 1 : Math.max(longest[(i + 1) * width + j]!, longest[i * width + j + 1]!);
  for (let i = 0, j = 0; i < after.length; i++) {
    if (after[i]!.kind === 'blank') continue;
    while (j < old.length && after[i]!.text !== old[j]!.text && longest[i * width + j + 1]! === longest[i * width + j]!) j++;
    if (j < old.length && after[i]!.text === old[j]!.text) j++;
    else marks[i] = true;
  }
  return marks;
}

/** The pieces of a token; letters that only look like others are marked where names and words stand. */
export function tokenPieces(one: Token): Piece[] {
  const pieces = reveal(one.text);
  if (one.kind === 'string' || one.kind === 'comment') return pieces;
  return pieces.flatMap((piece): Piece[] => {
    if (typeof piece !== 'string') return [piece];
    return piece
      .split(/([^\u0000-\u007f])/u)
      .filter(Boolean)
      .map((part): Piece => {
        if (/^[\u0000-\u007f]*$/.test(part)) return part;
        return { label: part, says: `${part} is ${codePoint(part)}, not an ASCII letter`, kind: 'letter', of: part } satisfies Mark;
      });
  });
}
