// Small parts that several pages are made of.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { now, type Problem } from './api';
import { ago, parts, zone } from './format';
import { flat } from './reveal';
import { Shown } from './shown';
import { store, useStore } from './store';

/* ---- what is said aloud to who listens, and shown for a while to who looks */

export const said = store<{ text: string; kind: 'calm' | 'bad'; n: number }>({ text: '', kind: 'calm', n: 0 });
export function say(text: string, kind: 'calm' | 'bad' = 'calm') {
  said.set({ text, kind, n: said.get().n + 1 });
}

export function Said() {
  const what = useStore(said);
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!what.text) return;
    setShown(true);
    const timer = setTimeout(() => setShown(false), 6000);
    return () => clearTimeout(timer);
  }, [what]);
  return (
    <div class={`said ${shown ? 'said-on' : ''} said-${what.kind}`} role="status" aria-live="polite">
      <span key={what.n}>
        <Shown text={what.text} />
      </span>
    </div>
  );
}

/* ---- verdicts */

export type VerdictName = 'allow' | 'deny' | 'hold' | 'observed' | 'error' | 'none';
const verdicts: Record<VerdictName, [string, string]> = {
  allow: ['allowed', 'M3 8.5l3.2 3.2L13 5'],
  deny: ['refused', 'M4 4l8 8M12 4l-8 8'],
  hold: ['held', 'M5.5 3.5v9M10.5 3.5v9'],
  observed: ['observed', 'M2 8s2.2-4 6-4 6 4 6 4-2.2 4-6 4-6-4-6-4zM8 9.4a1.4 1.4 0 1 0 0-2.8 1.4 1.4 0 0 0 0 2.8z'],
  error: ['failed', 'M8 3.2v6M8 12.4v.2'],
  none: ['unjudged', 'M4 8h8'],
};
export const isVerdict = (name: string): name is VerdictName => Object.hasOwn(verdicts, name);
export const verdictWord = (name: string) => (isVerdict(name) ? verdicts[name][0] : name);

export function Glyph({ d, size = 16 }: { d: string; size?: number }) {
  return (
    <svg class="glyph" viewBox="0 0 16 16" width={size} height={size} aria-hidden="true">
      <path d={d} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}

export function Verdict({ name, children }: { name: string; children?: ComponentChildren }) {
  const known = isVerdict(name) ? name : 'none';
  return (
    <span class={`verdict verdict-${known}`}>
      <Glyph d={verdicts[known][1]} size={13} />
      {children ?? verdictWord(name)}
    </span>
  );
}

const states: Record<string, [string, VerdictName]> = {
  waiting: ['waiting', 'hold'],
  approved: ['approved', 'allow'],
  used: ['approved and run', 'allow'],
  lapsed: ['approved, not used', 'none'],
  denied: ['denied', 'deny'],
  expired: ['expired', 'none'],
  withdrawn: ['withdrawn', 'none'],
};
export function State({ name }: { name: string }) {
  const [word, verdict] = states[name] ?? [name, 'none' as const];
  return <Verdict name={verdict}>{word}</Verdict>;
}

/* ---- who and what */

export function Tags({ of, kind = '' }: { of: string[]; kind?: string }) {
  return (
    <>
      {of.map((text) => (
        <span class={`tag ${kind}`} key={text}>
          <Shown text={text} />
        </span>
      ))}
    </>
  );
}

/** What a client says of itself: never to be taken for what was verified. */
export function Claimed({ children }: { children: ComponentChildren }) {
  return (
    <span class="claimed" title="Claimed by the client; nobody has verified it">
      {children}
      <span class="claimed-word">claimed</span>
    </span>
  );
}

export function Who({ user, machine, onBehalfOf }: { user: string; machine?: boolean; onBehalfOf?: string | null }) {
  return (
    <span class="who">
      <Glyph d={machine ? 'M3.5 5.5h9v7h-9zM8 5.5V3M6.2 8.6v.4M9.8 8.6v.4' : 'M8 8a2.6 2.6 0 1 0 0-5.2A2.6 2.6 0 0 0 8 8zM3 13.4c.6-2.4 2.5-3.6 5-3.6s4.4 1.2 5 3.6'} />
      <span class="hidden">{machine ? 'machine ' : 'person '}</span>
      <b>
        <Shown text={user} />
      </b>
      {onBehalfOf && (
        <span class="for">
          {' '}
          for <Shown text={onBehalfOf} />
        </span>
      )}
    </span>
  );
}

export function Facts({ children }: { children: ComponentChildren }) {
  return <dl class="facts">{children}</dl>;
}
export function Fact({ name, children, wide }: { name: string; children: ComponentChildren; wide?: boolean }) {
  return (
    <div class={wide ? 'fact fact-wide' : 'fact'}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/* ---- time */

/** Now, and again every so often, for what shows how long something takes. */
export function useNow(everyMs: number): number {
  const [at, setAt] = useState(now());
  useEffect(() => {
    if (!everyMs) return;
    const timer = setInterval(() => setAt(now()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return at;
}

export function Time({ at, near = false, day = true }: { at: string; near?: boolean; day?: boolean }) {
  const utc = useStore(zone) === 'utc';
  const here = parts(at, utc);
  const today = parts(now(), utc);
  if (!here || !today) return <Shown text={at} />;
  const date = here.year === today.year ? here.day : `${here.day} ${here.year}`;
  const same = date === today.day;
  return (
    <time dateTime={at} title={`${at} (shown in ${here.zone})`}>
      {near ? ago(at, now()) : day && !same ? `${date}, ${here.time}` : here.time}
    </time>
  );
}

/* ---- what went wrong, and what is not there */

export function ProblemBox({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <div class="problem" role="alert">
      <b>
        <Shown text={problem.message} />
      </b>
      {problem.detail && (
        <p>
          <Shown text={problem.detail} />
        </p>
      )}
      {problem.rule && (
        <p>
          Rule: <Shown text={problem.rule} />
        </p>
      )}
      {retry && problem.status !== 403 && (
        <button type="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <svg viewBox="0 0 64 64" width="56" height="56" aria-hidden="true">
        <path d="M14 54V28a18 18 0 0 1 36 0v26M8 54h48M26 54V30a6 6 0 0 1 12 0v24" fill="none" stroke="currentColor" stroke-width="2.4" stroke-linecap="round" />
      </svg>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Waiting({ what }: { what: string }) {
  return (
    <p class="waiting" role="status">
      {what}…
    </p>
  );
}

/** What stands under a list that goes on; and in its place where nothing was found so far. */
export function More({ more, loading }: { more: (() => void) | undefined; loading: boolean }) {
  if (!more && !loading) return null;
  return (
    <div class="more">
      <button type="button" onClick={more} disabled={!more}>
        {loading ? 'Reading…' : 'Show more'}
      </button>
    </div>
  );
}

/** The head of a page; its title gets the focus when the page is come to. */
export function Head({ title: written, children, lead }: { title: string; children?: ComponentChildren; lead?: ComponentChildren }) {
  const title = flat(written);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Postern`;
    if (document.activeElement === document.body || document.activeElement?.closest('nav')) heading.current?.focus({ preventScroll: true });
  }, [title]);
  return (
    <header class="head">
      <div>
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {lead && <p class="lead">{lead}</p>}
      </div>
      {children && <div class="head-side">{children}</div>}
    </header>
  );
}

/* ---- dialogues and copying */

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    ref.current?.showModal();
    return () => before?.focus();
  }, []);
  return (
    <dialog ref={ref} aria-label={title} onClose={onClose} onClick={(event) => event.target === ref.current && onClose()}>
      <div class="dialog">
        <header>
          <h2>{title}</h2>
          <button type="button" class="quiet" aria-label="Close" onClick={onClose}>
            <Glyph d="M4 4l8 8M12 4l-8 8" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

export function Copy({ text, children, what }: { text: string; children: ComponentChildren; what: string }) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} copied`);
    } catch {
      say(`This browser does not let pages copy: ${text}`, 'bad');
    }
  };
  return (
    <button type="button" class="quiet" onClick={copy}>
      {children}
    </button>
  );
}
