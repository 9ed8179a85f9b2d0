// One session: who it was, and a transcript that can be stepped through, played, searched and linked to.
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { asProblem, get, me, post, useLoad, type Problem } from '../api';
import { duration, plural } from '../format';
import { useKeys } from '../keys';
import { useLive, useSessionLive } from '../live';
import { Claimed, Copy, Dialog, Empty, Fact, Facts, Glyph, Head, ProblemBox, say, Tags, Time, Verdict, Waiting, Who } from '../parts';
import { usePlace } from '../router';
import type { EntryPage, Session } from '../shapes';
import { Shown } from '../shown';
import { useStore, wish } from '../store';
import { detailKinds, Transcript, wordsOf, type Happening, type Step } from '../transcript';
import { StepView } from './step';
import { TimeLine } from './timeline';

const PAGE = 500; /* entries */
const ROWS = 200; /* of a result, until more are asked for */
const details = wish('details', ['off', 'on'] as const);
const speeds = [1, 2, 5, 10, 50] as const;

/* ---- ending it */

function End({ session, onClose }: { session: Session; onClose: () => void }) {
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const end = () =>
    post(`/v1/sessions/${encodeURIComponent(session.id)}/kill`, reason.trim() ? { reason: reason.trim() } : {}).then(
      () => {
        say('The session is being ended');
        onClose();
      },
      (error: unknown) => setProblem(asProblem(error)),
    );
  return (
    <Dialog title="End this session now" onClose={onClose}>
      {problem && <ProblemBox problem={problem} />}
      <p>
        The connection of <b><Shown text={session.principal} /></b> is cut, and what is not committed is rolled back.
      </p>
      <label>
        Reason, for the record and the client
        <input type="text" value={reason} maxLength={1000} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <p>
        <button type="button" class="deny" onClick={end}>
          End it
        </button>
      </p>
    </Dialog>
  );
}

function About({ session }: { session: Session }) {
  return (
    <section class="card about" aria-label="About this session">
      <Facts>
        <Fact name={session.machine ? 'Machine, verified' : 'Person, verified'}>
          <Who user={session.principal} machine={session.machine} />
        </Fact>
        {session.on_behalf_of && (
          <Fact name="On behalf of, verified">
            <b><Shown text={session.on_behalf_of} /></b>
          </Fact>
        )}
        <Fact name="Connection">
          <b><Shown text={session.connection} /></b> <span class="soft">database <Shown text={session.database} />, as <Shown text={session.login} /></span>
        </Fact>
        <Fact name="Began">
          <Time at={session.started} />
          {session.ended && <span class="soft"> for {duration((Date.parse(session.ended) - Date.parse(session.started)) * 1000)}</span>}
        </Fact>
        <Fact name="Ran">
          {plural(session.statements, 'statement')}, {plural(session.rows, 'row')}
        </Fact>
        {session.refused > 0 && (
          <Fact name="Refused">
            <Verdict name="deny">{session.refused}</Verdict>
          </Fact>
        )}
        {session.ended && (
          <Fact name="Ended">
            <Shown text={session.reason || 'by the client'} />
          </Fact>
        )}
        {(session.task || session.agent || session.application) && (
          <Fact name="Says of itself">
            <Claimed>
              <Shown text={[session.agent, session.task, session.application].filter(Boolean).join(' · ')} most={300} />
            </Claimed>
          </Fact>
        )}
      </Facts>
      <details>
        <summary>All that is known of it</summary>
        <Facts>
          <Fact name="Groups">{session.groups.length ? <Tags of={session.groups} /> : <span class="soft">none</span>}</Fact>
          <Fact name="Policies">
            <Tags of={session.policies} />
          </Fact>
          <Fact name="Policies’ hash">
            <code class="digest"><Shown text={session.policy_hash} /></code>
          </Fact>
          <Fact name="Subject">
            <Shown text={session.subject} />
          </Fact>
          <Fact name="Vouched for by">
            <Shown text={session.issuer} />
          </Fact>
          <Fact name="Came from">
            <Shown text={session.client} />
          </Fact>
          <Fact name="Session">
            <code><Shown text={session.id} /></code>
          </Fact>
        </Facts>
      </details>
    </section>
  );
}

/* ---- reading entries */

/** All that the record has, and what comes until its end: that the list of sessions knows of the end says nothing of what was read. */
function useTranscript(id: string, live: boolean | undefined, at: number) {
  const transcript = useRef(new Transcript());
  const [version, setVersion] = useState(0);
  const [state, setState] = useState<{ next?: string | null; short?: boolean; ended: boolean; loading: boolean; problem?: Problem }>({ ended: false, loading: true });
  const base = `/v1/sessions/${encodeURIComponent(id)}/entries`;
  const busy = useRef(false);
  const [started, setStarted] = useState(false); /* all that was there at first is read */
  const [even, setEven] = useState(false); /* and what came until the stream was up */

  const read = useCallback(
    async (query: Record<string, string | number>, forward: boolean) => {
      if (busy.current) return;
      busy.current = true;
      setState((before) => ({ ...before, loading: true }));
      try {
        const page = await get<EntryPage>(base, { limit: PAGE, rows: ROWS, ...query });
        transcript.current.add(page.items as Happening[]);
        setVersion((n) => n + 1);
        // An open session may name what will follow: what is empty is the end for now.
        const next = page.items.length ? page.next : undefined;
        const short = new Set(page.items.map((item) => item.sequence)).size < PAGE;
        setState((before) => ({ next: forward ? next : before.next, short: forward ? short : before.short, ended: before.ended || page.ended, loading: false }));
      } catch (error) {
        setState((before) => ({ ...before, loading: false, problem: asProblem(error) }));
      }
      busy.current = false;
    },
    [base],
  );
  useEffect(() => void read({ from: at > PAGE ? Math.max(1, at - 100) : 1 }, true), [read]);
  const more = useCallback(() => {
    if (state.next) void read({ cursor: state.next }, true);
  }, [state.next, read]);
  // What comes behind a page that is not full is not waited for until somebody scrolls there: most likely it is nothing.
  useEffect(() => {
    if (state.loading || state.problem) return;
    if (!state.next) setStarted(true);
    else if (state.short) more();
  }, [state]);
  const { first, last } = transcript.current;
  const earlier = first > 1 && first !== Infinity ? () => void read({ from: Math.max(1, first - PAGE), limit: Math.min(PAGE, first - 1) }, false) : undefined;
  // What comes while it is open. A stream tells what comes after it is up, so what came between the last page and
  // that is read then, and what is told meanwhile is put behind it.
  const behind = useRef<Happening[] | undefined>(undefined);
  const take = (entry: Happening) => {
    if (behind.current) behind.current.push(entry);
    else if (transcript.current.addLive(entry)) setVersion((n) => n + 1);
    if (entry.event === 'end') setState((before) => ({ ...before, ended: true }));
  };
  const again = useRef(false); /* it was asked for while it went on */
  const catchUp = async () => {
    again.current = true;
    if (behind.current) return;
    behind.current = [];
    setEven(false);
    transcript.current.restartLive();
    for (let before = -1; again.current || before !== transcript.current.last; ) {
      again.current = false;
      before = transcript.current.last;
      while (busy.current) await new Promise((done) => setTimeout(done, 50));
      await read({ from: before === 0 ? 1 : before + 1 }, true);
    }
    const waited = behind.current;
    behind.current = undefined;
    waited.forEach(take);
    setEven(true);
  };
  // It is over, and its end was not read: either it has not come yet, or there is none since the gateway broke down.
  useEffect(() => {
    if (live === false && started && !state.ended && !state.problem) void catchUp();
  }, [live, started]);
  useSessionLive(id, started && !state.ended && !state.problem, (entry) => take(entry as Happening), () => void catchUp());
  const allRows = useCallback(
    async (step: Step) => {
      const page = await get<EntryPage>(base, { from: step.sequence, limit: 1000, rows: 100000 });
      const fresh = new Transcript();
      fresh.add(page.items as Happening[]);
      const whole = fresh.steps.find((one) => one.sequence === step.sequence);
      if (whole) {
        step.results = whole.results;
        setVersion((n) => n + 1);
      }
    },
    [base],
  );
  return { steps: transcript.current.steps, last, version, even, ...state, more: state.next ? more : undefined, earlier, allRows };
}

/* ---- looking for words in what is shown, marked without touching the page's elements */

function markWords(root: HTMLElement | null, words: string) {
  if (!('highlights' in CSS)) return;
  CSS.highlights.delete('found');
  if (!root || !words) return;
  const ranges: Range[] = [];
  for (const block of root.querySelectorAll('code, td, bdi')) {
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    const nodes: [Node, number][] = [];
    let text = '';
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      nodes.push([node, text.length]);
      text += node.nodeValue ?? '';
    }
    const lower = text.toLowerCase();
    if (lower.length !== text.length) continue;
    const locate = (at: number): [Node, number] => {
      let i = nodes.length - 1;
      while (i > 0 && nodes[i]![1] > at) i--;
      return [nodes[i]![0], at - nodes[i]![1]];
    };
    for (let at = lower.indexOf(words); at >= 0 && ranges.length < 2000; at = lower.indexOf(words, at + words.length)) {
      const range = new Range();
      range.setStart(...locate(at));
      const [node, end] = locate(at + words.length - 1);
      range.setEnd(node, end + 1);
      ranges.push(range);
    }
  }
  if (ranges.length) CSS.highlights.set('found', new Highlight(...ranges));
}

export function SessionPage({ id }: { id: string }) {
  const { query } = usePlace();
  const wanted = Number(query.get('at')) || 0;
  const who = useStore(me);
  const found = useLoad((signal) => get<Session>(`/v1/sessions/${encodeURIComponent(id)}`, {}, signal), [id]);
  const session = found.data;
  useLive('session', (one) => {
    if (one.id === id) found.change((before) => (before.ended && !one.ended ? before : one));
  });
  const reading = useTranscript(id, session?.live, wanted);
  // The record is what tells that it is over; the counts of sessions come to know it a little later.
  const over = reading.ended || (session?.live === false && reading.even);
  useEffect(() => {
    if (!reading.ended || !session?.live) return;
    const timer = setTimeout(found.reload, 1000);
    return () => clearTimeout(timer);
  }, [reading.ended, session]);
  const showDetails = useStore(details) === 'on';
  const steps = useMemo(
    () => reading.steps.filter((step) => showDetails || !detailKinds.has(step.kind) || (step.kind === 'prepare' && step.verdict !== 'allow')),
    [reading.version, showDetails],
  );

  const [current, setCurrent] = useState(0); /* a sequence */
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState<number>(5);
  const [words, setWords] = useState('');
  const [ending, setEnding] = useState(false);
  const list = useRef<HTMLOListElement>(null);

  const index = Math.max(0, steps.findIndex((step) => step.sequence === current));
  const moveTo = useCallback((step: Step | undefined, focus: boolean) => {
    if (!step) return;
    setCurrent(step.sequence);
    requestAnimationFrame(() => {
      const element = document.getElementById(`s${step.sequence}`);
      element?.scrollIntoView({ block: 'nearest', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
      if (focus) element?.focus({ preventScroll: true });
    });
  }, []);

  // A link to one step: to it once it is there, which it is not before the page knows the session.
  const arrived = useRef(false);
  useEffect(() => {
    if (arrived.current || !session || !steps.length || !wanted) return;
    const step = steps.find((one) => one.sequence === wanted) ?? [...steps].reverse().find((one) => one.sequence <= wanted);
    if (!step) return;
    if (step.sequence !== wanted && reading.more && reading.last < wanted) return reading.more();
    arrived.current = true;
    setCurrent(step.sequence);
    requestAnimationFrame(() => document.getElementById(`s${step.sequence}`)?.scrollIntoView({ block: 'center' }));
  }, [steps, wanted, session]);

  const lower = words.trim().toLowerCase();
  const hits = useMemo(() => (lower ? steps.filter((step) => wordsOf(step).includes(lower)) : []), [steps, lower, reading.version]);
  useEffect(() => markWords(list.current, lower), [lower, hits, reading.version]);
  const toHit = (by: 1 | -1) => {
    if (!hits.length) return;
    const at = steps[index]?.sequence ?? 0;
    const next = by > 0 ? hits.find((step) => step.sequence > at) ?? hits[0] : [...hits].reverse().find((step) => step.sequence < at) ?? hits.at(-1);
    moveTo(next, false);
  };

  // Playing: the next step comes when it came, at the speed that is wished for; no pause is longer than two seconds.
  useEffect(() => {
    if (!playing) return;
    const here = steps[index];
    const next = steps[index + 1];
    if (!here || !next) {
      if (reading.more && !reading.loading) reading.more();
      else if (!reading.more && over) setPlaying(false);
      return;
    }
    const pause = Math.min(2000, Math.max(120, (next.at - here.at) / 1000 / speed));
    const timer = setTimeout(() => moveTo(next, false), pause);
    return () => clearTimeout(timer);
  }, [playing, index, steps, speed]);

  const play = () => {
    if (!playing && index >= steps.length - 1) moveTo(steps[0], false);
    setPlaying(!playing);
  };
  const faster = (by: 1 | -1) => setSpeed((now) => speeds[Math.min(speeds.length - 1, Math.max(0, speeds.indexOf(now as 1) + by))]!);
  const walk = (by: 1 | -1) => {
    const focused = steps.findIndex((step) => document.activeElement?.closest('.step')?.id === `s${step.sequence}`);
    const from = focused >= 0 ? focused : current ? index : by > 0 ? -1 : 1;
    moveTo(steps[Math.min(steps.length - 1, Math.max(0, from + by))], true);
  };
  useKeys({ j: () => walk(1), k: () => walk(-1), ' ': play, n: () => toHit(1), N: () => toHit(-1), '.': () => faster(1), ',': () => faster(-1) });

  // The end of the list asks for what follows.
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!reading.more || !end.current) return;
    const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && reading.more?.(), { rootMargin: '600px' });
    watcher.observe(end.current);
    return () => watcher.disconnect();
  }, [reading.more, reading.loading]);

  if (!session)
    return (
      <>
        <Head title="Session" />
        {found.problem?.status === 404 ? (
          <Empty title="There is no such session">
            <p>
              It may be somebody else’s, or not be recorded here. <a href="/sessions">All that you may see</a>
            </p>
          </Empty>
        ) : found.problem ? (
          <ProblemBox problem={found.problem} retry={found.reload} />
        ) : (
          <Waiting what="Reading" />
        )}
      </>
    );
  const mayEnd = !over && session.live && (session.mine || who?.roles.includes('admin'));
  return (
    <>
      <Head title={`Session of ${session.principal}`}>
        {!over && session.live && (
          <span class="live live-on">
            <i /> open
          </span>
        )}
        <Copy text={`${location.origin}/sessions/${encodeURIComponent(id)}${current ? `?at=${current}` : ''}`} what="The link is">
          Copy link
        </Copy>
        <a class="button quiet" href={`/v1/sessions/${encodeURIComponent(id)}/replay`} download={`postern-${id}.ndjson`}>
          Download
        </a>
        {who?.roles.includes('auditor') && (
          <a class="button quiet" href={`/v1/sessions/${encodeURIComponent(id)}/bundle`} download={`session-${id}.bundle`} title="With what proves it: postern audit verify, doc/bundle.md">
            Bundle
          </a>
        )}
        {mayEnd && (
          <button type="button" class="deny-quiet" onClick={() => setEnding(true)}>
            End it…
          </button>
        )}
      </Head>
      <About session={session} />
      {reading.problem && <ProblemBox problem={reading.problem} />}
      {steps.length > 0 && (
        <div class="player" role="group" aria-label="Time line">
          <TimeLine steps={steps} index={index} hits={hits} onPick={(step) => moveTo(step, false)} />
          <div class="player-bar">
            <button type="button" aria-label="One step back" onClick={() => moveTo(steps[Math.max(0, index - 1)], false)}>
              <Glyph d="M11 3.5L5.5 8l5.5 4.5" />
            </button>
            <button type="button" class="primary" aria-label={playing ? 'Pause' : 'Play'} onClick={play}>
              <Glyph d={playing ? 'M5.5 3.5v9M10.5 3.5v9' : 'M5 3.2l7.5 4.8L5 12.8z'} />
            </button>
            <button type="button" aria-label="One step on" onClick={() => moveTo(steps[Math.min(steps.length - 1, index + 1)], false)}>
              <Glyph d="M5 3.5L10.5 8 5 12.5" />
            </button>
            <label class="speed">
              <span class="hidden">Speed</span>
              <select value={speed} onChange={(event) => setSpeed(Number(event.currentTarget.value))}>
                {speeds.map((one) => (
                  <option key={one} value={one}>
                    {one}×
                  </option>
                ))}
              </select>
            </label>
            <span class="soft mono small where">
              {index + 1} of {steps.length}
              {reading.more ? '+' : ''}
            </span>
            <span class="grow" />
            <label class="within">
              <span class="hidden">Search within this session</span>
              <input type="search" placeholder="Search within" value={words} onInput={(event) => setWords(event.currentTarget.value)} onKeyDown={(event) => event.key === 'Enter' && toHit(event.shiftKey ? -1 : 1)} />
            </label>
            {lower && (
              <span class="soft small" role="status">
                {hits.length ? plural(hits.length, 'step') : reading.more ? 'none so far' : 'none'}
              </span>
            )}
            <label class="check small">
              <input type="checkbox" checked={showDetails} onChange={(event) => details.set(event.currentTarget.checked ? 'on' : 'off')} /> protocol
            </label>
          </div>
        </div>
      )}
      {reading.earlier && (
        <div class="more">
          <button type="button" onClick={reading.earlier} disabled={reading.loading}>
            Earlier entries
          </button>
        </div>
      )}
      <ol class={`transcript ${playing ? 'transcript-playing' : ''}`} ref={list}>
        {steps.map((step, i) => (
          <StepView key={step.sequence} step={step} session={id} current={step.sequence === current} future={playing && i > index} version={step.results.reduce((n, one) => n + one.rows.length + 1, step.reports.length + step.copied.length)} onAllRows={reading.allRows} onPick={setCurrent} />
        ))}
      </ol>
      <div ref={end} />
      {reading.loading && <Waiting what="Reading" />}
      {!reading.loading && !reading.problem && !steps.length && (
        <Empty title="Nothing happened yet">
          <p>{!over ? 'The session is open and has sent nothing so far. What it sends appears here at once.' : 'The session came in and left without a statement.'}</p>
        </Empty>
      )}
      {!reading.loading && !reading.more && steps.length > 0 && (
        <p class="text-end soft small">
          {over ? 'End of the session.' : session.live ? 'The session is open: what it does appears here.' : 'Reading to its end…'}
          {!session.mine && ' Your look at it is recorded.'}
        </p>
      )}
      {ending && <End session={session} onClose={() => setEnding(false)} />}
    </>
  );
}
