// A session's events (doc/replay-json.md) put together into steps: an execution with its rows, outcome and messages is one
// step; what stands alone is one as well. Events may come in any amount at a time, some of them twice.
import type { Event } from './shapes';

export type Text = string | { hex: string } | null;
export interface Parameter {
  value: Text;
  oid?: number;
  type?: string;
  binary?: boolean;
  understood?: boolean;
}
export interface Column {
  name: Text;
  oid: number;
  type?: string;
  /** A mask stood in its place. */
  masked?: boolean;
}

/** An event with whatever members its kind has. */
export interface Happening extends Event {
  fields?: Record<string, Text>;
  sql?: Text;
  /** The text that went to the server, where it is another. */
  sent?: Text;
  decision?: string;
  policy?: string;
  rule?: string;
  would?: string;
  tags?: string;
  effects?: string;
  relations?: string;
  protocol?: string;
  name?: Text;
  portal?: Text;
  parameters?: Parameter[];
  columns?: Column[];
  values?: Text[];
  direction?: string;
  data?: Text;
  how?: string;
  tag?: Text;
  rows?: number;
  bytes?: number;
  us?: number;
  error?: boolean;
  origin?: string;
  severity?: string;
  sqlstate?: string;
  message?: Text;
  detail?: Text;
  hint?: Text;
  position?: number;
  channel?: Text;
  payload?: Text;
  status?: string;
  value?: Text;
  sha256?: string;
  kind?: string;
  frame?: string;
  frame_type?: string;
  /** An approval's step as a sentence. */
  words?: string;
  /** Of an end whose rows are another text's (EXECUTE, FETCH): "masked, -, clear", a state for each column. */
  outputs?: string;
}

/** One result of an execution: a simple query of several statements has several. */
export interface Result {
  columns: Column[] | undefined;
  rows: Text[][];
  complete?: Happening;
}

export interface Step {
  /** Of the event that it begins with: its number in links. */
  sequence: number;
  at: number;
  /** Microseconds that it took, as far as is known. */
  took: number;
  verdict: string;
  /** statement, or the kind of the event that stands alone. */
  kind: string;
  first: Happening;
  results: Result[];
  reports: Happening[];
  copied: Happening[];
  others: Happening[];
}

/** Details of the protocol: there for who looks for them. */
export const detailKinds = new Set(['text', 'prepare', 'status', 'parameter', 'close', 'gateway', 'other']);

/** A value for who reads it. */
export function asText(text: Text | undefined): string {
  if (text == null) return '';
  return typeof text === 'string' ? text : `\\x${text.hex}`;
}

export class Transcript {
  readonly steps: Step[] = [];
  #byRun = new Map<number, Step>();
  #seen = new Set<string>();
  #live = new Map<number, number>();
  /** The highest and the lowest sequence that is in. */
  last = 0;
  first = Infinity;

  /** Takes events in; says whether any was new. Rows of an entry share its sequence, so they are told apart by place. */
  add(events: Happening[], places = new Map<number, number>()): boolean {
    let news = false;
    for (const event of events) {
      const place = places.get(event.sequence) ?? 0;
      places.set(event.sequence, place + 1);
      const key = `${event.sequence}/${place}`;
      if (this.#seen.has(key)) continue;
      this.#seen.add(key);
      news = true;
      this.last = Math.max(this.last, event.sequence);
      this.first = Math.min(this.first, event.sequence);
      this.#put(event);
    }
    if (news) this.steps.sort((a, b) => a.sequence - b.sequence);
    return news;
  }

  /** Takes in one event of a stream, which sends an entry's events one by one. */
  addLive(event: Happening): boolean {
    return this.add([event], this.#live);
  }
  /** The stream was lost: it may begin again anywhere. */
  restartLive() {
    this.#live.clear();
  }

  #put(event: Happening) {
    const step = event.run == null ? undefined : this.#byRun.get(event.run);
    if (event.event === 'statement' || !step || event.event === 'approval' || event.event === 'context') {
      const made: Step = {
        sequence: event.sequence,
        at: event.offset_us,
        took: event.us ?? 0,
        verdict: event.decision ?? (event.event === 'report' && event.error ? 'error' : ''),
        kind: event.event,
        first: event,
        results: [],
        reports: [],
        copied: [],
        others: [],
      };
      this.steps.push(made);
      if (event.event === 'statement') this.#byRun.set(event.run ?? event.sequence, made);
      return;
    }
    step.took = Math.max(step.took, event.us ?? 0, event.offset_us - step.at);
    switch (event.event) {
      case 'row': {
        let result = step.results.at(-1);
        if (!result || result.complete) step.results.push((result = { columns: event.columns, rows: [] }));
        result.columns ??= event.columns;
        result.rows.push(event.values ?? []);
        break;
      }
      case 'complete': {
        let result = step.results.at(-1);
        if (!result || result.complete) step.results.push((result = { columns: undefined, rows: [] }));
        result.complete = event;
        if (event.outputs) {
          const states = event.outputs.split(', ');
          result.columns = result.columns?.map((column, i) => (states[i] === 'masked' ? { ...column, masked: true } : column));
        }
        if (event.us) step.took = step.results.reduce((sum, one) => sum + (one.complete?.us ?? 0), 0);
        break;
      }
      case 'report':
        step.reports.push(event);
        if (event.error && step.verdict === 'allow') step.verdict = 'error';
        break;
      case 'copy':
        step.copied.push(event);
        break;
      default:
        step.others.push(event);
    }
  }
}

/** All the text of a step, for a search within. */
export function wordsOf(step: Step): string {
  const { first } = step;
  const words = [asText(first.sql), first.rule ?? '', first.policy ?? '', asText(first.message), asText(first.payload), first.words ?? ''];
  for (const value of Object.values(first.fields ?? {})) words.push(asText(value));
  for (const parameter of first.parameters ?? []) words.push(asText(parameter.value));
  for (const report of step.reports) words.push(asText(report.message), asText(report.detail), asText(report.hint), report.sqlstate ?? '');
  for (const result of step.results) {
    for (const column of result.columns ?? []) words.push(asText(column.name));
    for (const row of result.rows) for (const value of row) words.push(asText(value));
  }
  for (const copy of step.copied) words.push(asText(copy.data));
  return words.join('\n').toLowerCase();
}

/** Where each step stands on a time line, from 0 to 1: pauses are drawn shorter the longer they are. */
export function timeline(steps: Step[]): { from: number; width: number }[] {
  let at = 0;
  let before = steps[0]?.at ?? 0;
  const placed = steps.map((step) => {
    const gap = Math.max(0, step.at - before) / 1e6;
    at += gap < 1 ? gap : 1 + Math.log2(gap);
    const from = at;
    const took = Math.min(step.took, 30e6) / 1e6;
    const width = took < 1 ? took : 1 + Math.log2(took);
    at += width;
    before = step.at + step.took;
    return { from, width };
  });
  const whole = at || 1;
  return placed.map(({ from, width }) => ({ from: from / whole, width: width / whole }));
}
