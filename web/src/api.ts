// Asking the API. Every failure is a Problem (RFC 9457), made up here where the network or a proxy gave none.
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import type { Me, Problem as ProblemShape } from './shapes';
import { store } from './store';

export class Problem extends Error {
  readonly type: string;
  readonly status: number;
  readonly detail: string;
  readonly rule: string;
  constructor(shape: Partial<ProblemShape> & { title: string; status: number }) {
    super(shape.title);
    this.type = shape.type ?? '';
    this.status = shape.status;
    this.detail = shape.detail ?? '';
    this.rule = shape.rule ?? '';
  }
}

/** undefined: not known yet; null: nobody is signed in. */
export const me = store<Me | null | undefined>(undefined);
/** How far this browser's clock is behind the gateway's, in milliseconds. */
let behind = 0;
export const now = () => Date.now() + behind;

export type Query = Record<string, string | number | boolean | null | undefined>;

export function address(path: string, query: Query = {}): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== null && value !== '') words.set(name, String(value));
  const text = words.toString();
  return text ? `${path}?${text}` : path;
}

const sentences: Record<number, string> = {
  401: 'You are not signed in',
  403: 'You may not see this',
  404: 'There is nothing here',
  409: 'It is not as it was',
  429: 'Too many requests',
  503: 'The gateway cannot answer this now',
};

async function problem(answer: Response): Promise<Problem> {
  let shape: Partial<ProblemShape> = {};
  if (/\bjson\b/.test(answer.headers.get('content-type') ?? '')) {
    try {
      const read: unknown = await answer.json();
      if (read && typeof read === 'object') shape = read;
    } catch {
      // No JSON after all: the status has to do.
    }
  }
  const title = shape.title || sentences[answer.status] || 'The gateway could not do this';
  return new Problem({ ...shape, title, status: answer.status });
}

async function ask<T>(path: string, options: RequestInit): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, { credentials: 'same-origin', redirect: 'error', cache: 'no-store', ...options });
  } catch (error) {
    if ((error as Error).name === 'AbortError') throw error;
    throw new Problem({ title: 'The gateway does not answer', status: 0, detail: 'It may be restarting, or this device is offline.' });
  }
  const date = Date.parse(answer.headers.get('date') ?? '');
  // Dates are to the second: only a clock that is clearly wrong is corrected.
  if (date) behind = Math.abs(date - Date.now()) > 2000 ? date - Date.now() : 0;
  if (!answer.ok) {
    const found = await problem(answer);
    if (found.status === 401) me.set(null);
    throw found;
  }
  try {
    return (await answer.json()) as T;
  } catch {
    throw new Problem({ title: 'The gateway’s answer cannot be read', status: answer.status });
  }
}

export function get<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return ask<T>(address(path, query), { headers: { accept: 'application/json' }, ...(signal ? { signal } : {}) });
}

export function post<T>(path: string, body?: object): Promise<T> {
  const headers: Record<string, string> = { accept: 'application/json' };
  const csrf = me.get()?.csrf;
  if (csrf) headers['x-csrf-token'] = csrf;
  if (body) headers['content-type'] = 'application/json';
  return ask<T>(path, { method: 'POST', headers, ...(body ? { body: JSON.stringify(body) } : {}) });
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem({ title: 'Something went wrong in this page', status: 0, detail: String(error) });
}

export interface Loaded<T> {
  data: T | undefined;
  problem: Problem | undefined;
  loading: boolean;
  reload(): void;
  change(how: How<T>): void;
}

type How<T> = (data: T) => T;

/** What is told while an answer is on its way: the answer may be from before. A change may meet what has it already. */
class Meanwhile<T> {
  #kept: How<T>[] | undefined;
  #due = false;
  /** A request will go out, at the next turn of the page. */
  await() {
    this.#kept = [];
    this.#due = true;
  }
  /** A request goes out. What it gives back puts into the answer what came meanwhile. */
  begin(): How<T> {
    const own: How<T>[] = (this.#due && this.#kept) || [];
    this.#kept = own;
    this.#due = false;
    return (data) => {
      if (this.#kept === own) this.#kept = undefined;
      return own.reduce((sum, how) => how(sum), data);
    };
  }
  note(how: How<T>) {
    this.#kept?.push(how);
  }
}

/** What load() brings; brought anew when one of `on` changes, and what was there stays until then. */
export function useLoad<T>(load: (signal: AbortSignal) => Promise<T>, on: unknown[]): Loaded<T> {
  const [state, setState] = useState<{ data?: T; problem?: Problem; loading: boolean }>({ loading: true });
  const [turn, setTurn] = useState(0);
  const meanwhile = useRef(new Meanwhile<T>()).current;
  useEffect(() => {
    const controller = new AbortController();
    const changed = meanwhile.begin();
    setState((before) => ({ ...before, loading: true }));
    load(controller.signal).then(
      (data) => {
        if (!controller.signal.aborted) setState({ data: changed(data), loading: false });
      },
      (error: unknown) => {
        if (!controller.signal.aborted) setState({ problem: asProblem(error), loading: false });
      },
    );
    return () => controller.abort();
  }, [...on, turn]);
  const reload = useCallback(() => {
    meanwhile.await();
    setTurn((before) => before + 1);
  }, []);
  const change = useCallback((how: How<T>) => {
    meanwhile.note(how);
    setState((before) => (before.data === undefined ? before : { ...before, data: how(before.data) }));
  }, []);
  return { data: state.data, problem: state.problem, loading: state.loading, reload, change };
}

export interface Paged<T> {
  items: T[] | undefined;
  problem: Problem | undefined;
  loading: boolean;
  more: (() => void) | undefined;
  reload(): void;
  change(how: How<T[]>): void;
}

/** A list that comes in pages, from its first page on; anew when the query changes. */
export function usePages<T>(path: string, query: Query): Paged<T> {
  type State = { items?: T[]; next?: string | null; problem?: Problem; loading: boolean };
  const [state, setState] = useState<State>({ loading: true });
  const [turn, setTurn] = useState(0);
  const question = address(path, query);
  const current = useRef('');
  const meanwhile = useRef(new Meanwhile<T[]>()).current;
  // A page may be empty and still not be the last: the gateway looks for a while only. `tries` pages are gone on by.
  const fetchPage = (cursor: string | undefined, signal?: AbortSignal, tries = 30) => {
    const asked = `${question} ${turn}`;
    current.current = asked;
    const changed = meanwhile.begin();
    setState((before) => ({ ...before, loading: true }));
    get<{ items: T[]; next?: string | null }>(path, { ...query, cursor }, signal).then(
      (page) => {
        if (current.current !== asked) return;
        const onward = !page.items.length && page.next && tries > 0;
        setState((before) => ({ items: changed(cursor ? [...(before.items ?? []), ...page.items] : page.items), next: page.next, loading: Boolean(onward) }));
        if (onward) fetchPage(page.next!, signal, tries - 1);
      },
      (error: unknown) => {
        if (current.current !== asked || signal?.aborted) return;
        setState((before) => ({ ...(cursor ? before : {}), problem: asProblem(error), loading: false }));
      },
    );
  };
  useEffect(() => {
    const controller = new AbortController();
    fetchPage(undefined, controller.signal);
    return () => controller.abort();
  }, [question, turn]);
  const reload = useCallback(() => {
    meanwhile.await();
    setTurn((before) => before + 1);
  }, []);
  const change = useCallback((how: How<T[]>) => {
    meanwhile.note(how);
    setState((before) => (before.items ? { ...before, items: how(before.items) } : before));
  }, []);
  return {
    items: state.items,
    problem: state.problem,
    loading: state.loading,
    more: state.next && !state.loading ? () => fetchPage(state.next ?? undefined) : undefined,
    reload,
    change,
  };
}
